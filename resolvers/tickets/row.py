"""A row of the ticket report: each field's path in the stored documents, and how it is read."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final

from cubes.cells import CubeError
from cubes.checks import check_fields
from cubes.declared.events import EVENTS_AS_STORED
from cubes.declared.tickets import TICKETS
from cubes.declared.users import ACCOUNTS_AS_STORED
from resolvers import stored_values as stored
from resolvers.kpi.rounding import count
from resolvers.kpi.units import COUNT, DATE, DATE_TIME, FLAG, ID, JSON, TEXT, Unit
from resolvers.kpi.values import described
from resolvers.stored_values import date_time, day, flag, is_true, json_array, json_object, text

_JOINED: Final = {"event": EVENTS_AS_STORED, "owner": ACCOUNTS_AS_STORED}

Stored = Mapping[str, Any]
"""A stored ticket, with its event under `event` and its owner's account under `owner`."""


def _at(path: str, read: Callable[[Any], Any], description: str) -> Any:
    """A field that is read from a path; without a path, from the whole ticket.

    Raises `CubeError` if the path is no field of the ticket, nor a column of what is joined to it.
    """
    first, _, column = path.partition(".")
    table = _JOINED.get(first)
    if table is None:
        check_fields("TicketReportRow", TICKETS.source, [path] if path else [])
    elif column not in table.columns:
        raise CubeError(
            f"TicketReportRow: there is no column {path}; of {first} there are "
            f"{', '.join(sorted(table.columns))}."
        )
    source = {"path": tuple(path.split(".")) if path else (), "read": read}
    return described(description, _UNITS[read], default=_absent(read), metadata=source)


def _absent(read: Callable[[Any], Any]) -> Any:
    """The value of a field that is not selected."""
    return read({} if read is _status else None)


def _id(value: object) -> str:
    return "" if value is None else stored.key(value)


def _count(value: object) -> int:
    return count(stored.integer(value))


def _status(ticket: Stored) -> str:
    return text(_nested(ticket, ("wallet", "status"))) or (text(ticket.get("status")) or "").upper()


def _nested(found: Any, path: tuple[str, ...]) -> Any:
    """The value at a path; None if there is none."""
    for name in path:
        if type(found) is not dict and (found := stored.document(found)) is None:
            return None
        found = found.get(name)
    return found


_UNITS: Final[Mapping[Callable[[Any], Any], Unit[Any]]] = {
    _id: ID, _count: COUNT, _status: TEXT, text: TEXT, stored.price: TEXT, date_time: DATE_TIME,
    day: DATE, flag: FLAG, is_true: FLAG, json_object: JSON, json_array: JSON,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TicketReportRow:
    """A ticket, its event, its owner and its wallet's data.

    A number or an ObjectId where a text belongs is shown as its text.
    """

    id: str = _at("_id", _id, "The object's key in clients' caches: the ticket's ObjectId.")
    ticket_id: str = _at("_id", _id, "The ticket's ObjectId.")
    event_id: str = _at("event_id", _id, "The event's ObjectId.")
    organizer_id: str | None = _at("event.organizer_id", text, "The id of the event's organizer.")
    event_name: str | None = _at("event.title", text, "The event's title.")
    event_code: str | None = _at("event.event_code", text, "The organizer's own id for the event.")
    event_start_date: datetime | None = _at("event.event_date", date_time, "The date of the event.")
    owner_email: str | None = _at(
        "owner.email",
        text,
        "The owner's e-mail address. While the ticket is INJECTED and its owner has no "
        "account, the initial owner's; likewise the names.",
    )
    owner_first_name: str | None = _at("owner.first_name", text, "The owner's first name.")
    owner_last_name: str | None = _at("owner.last_name", text, "The owner's last name.")
    owner_phone: str | None = _at("owner.phone", text, "The owner's phone number.")
    owner_birth_date: date | None = _at("owner.birth_date", day, "The owner's date of birth.")
    owner_id_number: str | None = _at(
        "owner.id_number", text, "The number of the owner's identity document."
    )
    owner_residence_country: str | None = _at(
        "owner.residence_country", text, "The owner's country of residence."
    )
    owner_allow_promo_email: bool | None = _at(
        "owner.allow_promo_email", flag, "Whether the owner agreed to promotional e-mail."
    )
    owner_allow_promo_third_party_email: bool | None = _at(
        "owner.allow_promo_third_party_email",
        flag,
        "Whether the owner agreed to promotional e-mail of third parties.",
    )
    owner_allow_tracking: bool | None = _at(
        "owner.allow_tracking", flag, "Whether the owner agreed to be tracked."
    )
    ticket_number: str | None = _at("wallet.ticket_number", text, "The ticket's number.")
    ticket_barcode: str | None = _at("wallet.barcode", text, "The text of the ticket's barcode.")
    organizer_ticket_id: str | None = _at(
        "wallet.organizer_ticket_id", text, "The organizer's own id for the ticket."
    )
    ticket_holder: dict[str, Any] | None = _at(
        "wallet.ticket_holder",
        json_object,
        "The person who uses the ticket, as the wallet stores it.",
    )
    previous_owner_id: str | None = _at(
        "wallet.previous_owner_id", text, "The id of the owner before this one."
    )
    initial_owner_id: str | None = _at(
        "wallet.initial_owner.id", text, "The id of the first owner."
    )
    status: str = _at(
        "", _status, "The wallet's status; without one, the ticket's own status in capitals."
    )
    activated_date: datetime | None = _at(
        "wallet.activated_at", date_time, "The date of activation."
    )
    checked_date: datetime | None = _at("wallet.checked_at", date_time, "The date of the check.")
    assigned_date: datetime | None = _at("wallet.assigned_at", date_time, "The date of assignment.")
    controlled_date: datetime | None = _at(
        "wallet.controlled_at", date_time, "The date of the control at the door."
    )
    kept_by_owner_date: datetime | None = _at(
        "wallet.kept_by_owner_at",
        date_time,
        "The date on which the owner decided not to pass the ticket on.",
    )
    delivery_date: datetime | None = _at("wallet.delivered_at", date_time, "The date of delivery.")
    purchase_file: str | None = _at("wallet.purchase.file", text, "The purchase's file number.")
    purchase_date: datetime | None = _at("wallet.purchase.date", date_time, "The date of purchase.")
    purchase_price: str | None = _at(
        "wallet.purchase.price_cents",
        stored.price,
        "The price in major units, a decimal with 2 places.",
    )
    purchase_currency: str | None = _at(
        "wallet.purchase.currency", text, "The currency of the price."
    )
    purchase_contingent_id: str | None = _at(
        "wallet.purchase.contingent_id", text, "The contingent that the ticket was bought from."
    )
    purchase_seat_category_id: str | None = _at(
        "wallet.purchase.seat_category_id", text, "The category of the seat."
    )
    purchase_tariff_id: str | None = _at(
        "wallet.purchase.tariff_id", text, "The tariff of the purchase."
    )
    seating_seated: bool | None = _at(
        "wallet.seating.seated", flag, "Whether the ticket has a seat."
    )
    seating_numbered: bool | None = _at(
        "wallet.seating.numbered", flag, "Whether the seat has a number."
    )
    seating_external_entrance: str | None = _at(
        "wallet.seating.external_entrance", text, "The entrance from outside."
    )
    seating_gate: str | None = _at("wallet.seating.gate", text, "The gate.")
    seating_area: str | None = _at("wallet.seating.area", text, "The area.")
    seating_level: str | None = _at("wallet.seating.level", text, "The level.")
    seating_block: str | None = _at("wallet.seating.block", text, "The block.")
    seating_row: str | None = _at("wallet.seating.row", text, "The row.")
    seating_seat: str | None = _at("wallet.seating.seat", text, "The seat.")
    ticket_metadata: dict[str, Any] | None = _at(
        "wallet.metadata", json_object, "Further data of the wallet, of no fixed shape."
    )
    activation_rule_id: str | None = _at(
        "wallet.rules.activation", text, "The rule for activation."
    )
    usage_rule_id: str | None = _at("wallet.rules.usage", text, "The rule for usage.")
    design_rule_id: str | None = _at("wallet.rules.design", text, "The rule for the design.")
    data_collection_rule_id: str | None = _at(
        "wallet.rules.data_collection", text, "The rule for the data that the holder is asked for."
    )
    email_rule_id: str | None = _at(
        "wallet.rules.email", text, "The rule for e-mails about the ticket."
    )
    devices_map: dict[str, Any] | None = _at(
        "wallet.devices", json_object, "The devices that hold the ticket."
    )
    activation_details: list[Any] | None = _at(
        "wallet.activation_details", json_array, "The steps of activation."
    )
    deletion_date: datetime | None = _at("wallet.deleted_at", date_time, "The date of deletion.")
    deletion_reason: str | None = _at("wallet.deletion_reason", text, "The reason of the deletion.")
    transfer_forward_count: int = _at(
        "wallet.transfer_forward_count",
        _count,
        "The number of times that the ticket was passed on.",
    )
    transfer_backward_count: int = _at(
        "wallet.transfer_backward_count",
        _count,
        "The number of times that the ticket was given back to an earlier owner.",
    )
    already_downloaded: bool = _at(
        "wallet.already_downloaded", is_true, "Whether the ticket was downloaded."
    )


_FIELDS: Final = {each.name: each.metadata for each in fields(TicketReportRow)}
COLUMNS: Final = tuple(name for name in _FIELDS if name != "id")
"""The names of the fields that files show, in order: files are not cached by id."""
OWNERS: Final = frozenset(name for name, each in _FIELDS.items() if each["path"][:1] == ("owner",))
"""The names of the fields that are read from the owner's account."""


def reader(selected: Collection[str]) -> Callable[[Stored], TicketReportRow]:
    """Makes rows of the selected fields."""
    read = [
        (name, each["path"], each["read"]) for name, each in _FIELDS.items() if name in selected
    ]

    def row(ticket: Stored) -> TicketReportRow:
        return TicketReportRow(**{name: shown(_nested(ticket, path)) for name, path, shown in read})

    return row


def initial_owner(ticket: Stored) -> Mapping[str, Any]:
    """The initial owner in place of the account of an INJECTED ticket's owner; else empty."""
    if _status(ticket) != "INJECTED":
        return {}
    names = ("email", "first_name", "last_name")
    return {name: _nested(ticket, ("wallet", "initial_owner", name)) for name in names}


def owner_id(ticket: Stored) -> Any:
    """The id of the owner's account, of whatever type; None if absent."""
    return _nested(ticket, ("wallet", "owner_id"))
