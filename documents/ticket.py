"""The collection `tickets`: tickets from orders, from promo codes, or made by an admin."""

from typing import ClassVar

from beanie import Document
from pydantic import BaseModel, Field
from pymongo import ASCENDING, IndexModel

from documents.values import DateTime, Flag, FreeDocument, Integer, Key, SubDocument, Text


class InitialOwner(BaseModel):
    """The first owner of a wallet ticket."""

    id: Text = None
    email: Text = None
    first_name: Text = None
    last_name: Text = None


class Purchase(BaseModel):
    """The purchase of a wallet ticket."""

    file: Text = None
    date: DateTime = None
    price_cents: Integer = 0
    currency: Text = None
    contingent_id: Text = None
    seat_category_id: Text = None
    tariff_id: Text = None


class Seating(BaseModel):
    """The seat of a wallet ticket."""

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
    """The ids of a wallet ticket's rules."""

    activation: Text = None
    usage: Text = None
    design: Text = None
    data_collection: Text = None
    email: Text = None


class Wallet(BaseModel):
    """The data of a ticket in a mobile wallet."""

    status: Text = None
    owner_id: Key = None
    previous_owner_id: Text = None
    initial_owner: SubDocument[InitialOwner] = None
    ticket_number: Text = None
    barcode: Text = None
    organizer_ticket_id: Text = None
    ticket_holder: FreeDocument = None
    activated_at: DateTime = None
    checked_at: DateTime = None
    assigned_at: DateTime = None
    controlled_at: DateTime = None
    kept_by_owner_at: DateTime = None
    delivered_at: DateTime = None
    purchase: SubDocument[Purchase] = None
    seating: SubDocument[Seating] = None
    metadata: FreeDocument = None
    rules: SubDocument[Rules] = None
    devices: FreeDocument = None
    activation_details: SubDocument[list[object]] = None
    deleted_at: DateTime = None
    deletion_reason: Text = None
    transfer_forward_count: Integer = 0
    transfer_backward_count: Integer = 0
    already_downloaded: Flag = None


class Ticket(Document):
    """A ticket (docs/documents.md)."""

    id: Key = Field(default=None, alias="_id")
    event_id: Key = None
    customer_id: Key = None
    status: Text = None
    promo_code_id: Key = None
    ticket_order_id: Key = None
    created_at: DateTime = None
    consumed_at: DateTime = None
    updated_at: DateTime = None
    wallet: SubDocument[Wallet] = None

    class Settings:
        name: ClassVar[str] = "tickets"
        indexes: ClassVar[list[IndexModel]] = [
            # The tickets of a page of events; the tickets of an event, ordered by `_id`.
            IndexModel([("event_id", ASCENDING), ("_id", ASCENDING)]),
        ]
