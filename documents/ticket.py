"""The collection `tickets`: sold, given away by promo code, or made by an admin."""

from typing import ClassVar

from beanie import Document
from pydantic import BaseModel, Field
from pymongo import ASCENDING, IndexModel

from documents.values import Flag, Key, Mapped, Moment, Part, Text, Whole


class InitialOwner(BaseModel):
    """Whom a wallet ticket was first made out to."""

    id: Text = None
    email: Text = None
    first_name: Text = None
    last_name: Text = None


class Purchase(BaseModel):
    """How a wallet ticket was bought."""

    file: Text = None
    date: Moment = None
    price_cents: Whole = 0
    currency: Text = None
    contingent_id: Text = None
    seat_category_id: Text = None
    tariff_id: Text = None


class Seating(BaseModel):
    """Where the holder of a wallet ticket sits."""

    seated: Flag = None
    numbered: Flag = None
    external_entrance: Text = None
    gate: Text = None
    area: Text = None
    level: Text = None
    block: Text = None
    row: Text = None
    seat: Text = None


class Rules(BaseModel):
    """The ids of the rules that a wallet ticket follows."""

    activation: Text = None
    usage: Text = None
    design: Text = None
    data_collection: Text = None
    email: Text = None


class Wallet(BaseModel):
    """What is known of a ticket that lives in a mobile wallet."""

    status: Text = None
    owner_id: Key = None
    previous_owner_id: Text = None
    initial_owner: Part[InitialOwner] = None
    ticket_number: Text = None
    barcode: Text = None
    organizer_ticket_id: Text = None
    ticket_holder: Mapped = None
    activated_at: Moment = None
    checked_at: Moment = None
    assigned_at: Moment = None
    controlled_at: Moment = None
    kept_by_owner_at: Moment = None
    delivered_at: Moment = None
    purchase: Part[Purchase] = None
    seating: Part[Seating] = None
    metadata: Mapped = None
    rules: Part[Rules] = None
    devices: Mapped = None
    activation_details: Part[list[object]] = None
    deleted_at: Moment = None
    deletion_reason: Text = None
    transfer_forward_count: Whole = 0
    transfer_backward_count: Whole = 0
    already_downloaded: Flag = None


class Ticket(Document):
    """A ticket (documents.md, tickets)."""

    id: Key = Field(default=None, alias="_id")
    event_id: Key = None
    customer_id: Key = None
    status: Text = None
    promo_code_id: Key = None
    ticket_order_id: Key = None
    created_at: Moment = None
    consumed_at: Moment = None
    updated_at: Moment = None
    wallet: Part[Wallet] = None

    class Settings:
        name: ClassVar[str] = "tickets"
        indexes: ClassVar[list[IndexModel]] = [
            # A page's tickets, and one event's tickets in the order of `_id`.
            IndexModel([("event_id", ASCENDING), ("_id", ASCENDING)]),
        ]
