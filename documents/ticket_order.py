"""The collection `ticket_orders`: orders of tickets, paid and unpaid."""

from typing import ClassVar

from beanie import Document
from pydantic import Field
from pymongo import ASCENDING, IndexModel

from documents.values import DateTime, Key, Number, Text


class TicketOrder(Document):
    """An order (docs/documents.md). `payment_status` is the status that the gateway reported."""

    id: Key = Field(default=None, alias="_id")
    event_id: Key = None
    customer_id: Key = None
    gateway: Text = None
    payment_status: Text = None
    payment_method: Text = None
    amount_cents: Number = 0
    ticket_count: Number = 0
    created_at: DateTime = None
    updated_at: DateTime = None

    class Settings:
        name: ClassVar[str] = "ticket_orders"
        indexes: ClassVar[list[IndexModel]] = [
            # The orders of a page of events.
            IndexModel([("event_id", ASCENDING)]),
        ]
