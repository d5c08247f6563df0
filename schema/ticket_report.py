"""`ticketReport`: tickets one by one, as organizers know them."""

from datetime import date, datetime

import strawberry
from strawberry.scalars import JSON


@strawberry.type(
    description="A ticket, its event, its owner and what its wallet knows. A number or an ObjectId "
    "where a text belongs is shown as its text."
)
class TicketReportRow:
    ticket_id: strawberry.ID = strawberry.field(description="The ticket's ObjectId.")
    event_id: strawberry.ID = strawberry.field(description="Its event's ObjectId.")
    organizer_id: str | None = strawberry.field(description="Who holds the event.")
    event_name: str | None = strawberry.field(description="The event's title.")
    event_code: str | None = strawberry.field(description="The organizer's own id for the event.")
    event_start_date: datetime | None = strawberry.field(description="When the event takes place.")
    owner_email: str | None = strawberry.field(
        description="The owner's e-mail address. While the ticket is INJECTED and its owner has no "
        "account, that of the initial owner; so are the names."
    )
    owner_first_name: str | None = strawberry.field(description="The owner's first name.")
    owner_last_name: str | None = strawberry.field(description="The owner's last name.")
    owner_phone: str | None = strawberry.field(description="The owner's phone number.")
    owner_birth_date: date | None = strawberry.field(description="The owner's day of birth.")
    owner_id_number: str | None = strawberry.field(
        description="The number of the owner's identity document."
    )
    owner_residence_country: str | None = strawberry.field(description="Where the owner lives.")
    owner_allow_promo_email: bool | None = strawberry.field(
        description="Whether the owner agreed to promotional e-mail."
    )
    owner_allow_promo_third_party_email: bool | None = strawberry.field(
        description="Whether the owner agreed to promotional e-mail of third parties."
    )
    owner_allow_tracking: bool | None = strawberry.field(
        description="Whether the owner agreed to be tracked."
    )
    ticket_number: str | None = strawberry.field(description="The ticket's number.")
    ticket_barcode: str | None = strawberry.field(description="What its barcode says.")
    organizer_ticket_id: str | None = strawberry.field(
        description="The organizer's own id for the ticket."
    )
    ticket_holder: JSON | None = strawberry.field(
        description="Who is to use the ticket, as the wallet has it."
    )
    previous_owner_id: str | None = strawberry.field(description="The owner before this one.")
    initial_owner_id: str | None = strawberry.field(description="The first owner.")
    status: str = strawberry.field(
        description="What has become of it, as the wallet says; else the ticket's own status, "
        "in capitals."
    )
    activated_date: datetime | None = strawberry.field(description="When it was activated.")
    checked_date: datetime | None = strawberry.field(description="When it was checked.")
    assigned_date: datetime | None = strawberry.field(description="When it was assigned.")
    controlled_date: datetime | None = strawberry.field(
        description="When it was controlled at the door."
    )
    kept_by_owner_date: datetime | None = strawberry.field(description="When the owner kept it.")
    delivery_date: datetime | None = strawberry.field(description="When it was delivered.")
    purchase_file: str | None = strawberry.field(description="The purchase's file.")
    purchase_date: datetime | None = strawberry.field(description="When it was bought.")
    purchase_price: str | None = strawberry.field(
        description="Its price in major units, a decimal with 2 places."
    )
    purchase_currency: str | None = strawberry.field(description="The price's currency.")
    purchase_contingent_id: str | None = strawberry.field(
        description="The contingent it was bought from."
    )
    purchase_seat_category_id: str | None = strawberry.field(
        description="The category of its seat."
    )
    purchase_tariff_id: str | None = strawberry.field(description="The tariff it was bought at.")
    seating_seated: bool | None = strawberry.field(description="Whether it has a seat.")
    seating_numbered: bool | None = strawberry.field(description="Whether the seat has a number.")
    seating_external_entrance: str | None = strawberry.field(
        description="The entrance from outside."
    )
    seating_gate: str | None = strawberry.field(description="The gate.")
    seating_area: str | None = strawberry.field(description="The area.")
    seating_level: str | None = strawberry.field(description="The level.")
    seating_block: str | None = strawberry.field(description="The block.")
    seating_row: str | None = strawberry.field(description="The row.")
    seating_seat: str | None = strawberry.field(description="The seat.")
    ticket_metadata: JSON | None = strawberry.field(description="What else the wallet knows of it.")
    activation_rule_id: str | None = strawberry.field(description="The rule of its activation.")
    usage_rule_id: str | None = strawberry.field(description="The rule of its use.")
    design_rule_id: str | None = strawberry.field(description="The rule of its design.")
    data_collection_rule_id: str | None = strawberry.field(
        description="The rule of what is asked of its holder."
    )
    email_rule_id: str | None = strawberry.field(description="The rule of e-mails about it.")
    devices_map: JSON | None = strawberry.field(description="The devices it is on.")
    activation_details: JSON | None = strawberry.field(description="How it was activated.")
    deletion_date: datetime | None = strawberry.field(description="When it was marked as deleted.")
    deletion_reason: str | None = strawberry.field(description="Why it was deleted.")
    transfer_forward_count: int = strawberry.field(description="How often it was passed on.")
    transfer_backward_count: int = strawberry.field(
        description="How often it was given back to an owner before."
    )
    already_downloaded: bool = strawberry.field(description="Whether it was downloaded.")


@strawberry.type(description="Tickets of some events, by id.")
class TicketReport:
    total: int = strawberry.field(description="How many tickets match, on all pages together.")
    result: list[TicketReportRow] = strawberry.field(description="The tickets that were asked for.")
