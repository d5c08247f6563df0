"""The collection `ticket_orders`: what was paid, or should have been."""

from typing import ClassVar

from beanie import Document
from pydantic import Field
from pymongo import ASCENDING, IndexModel

from documents.values import Key, Moment, Number, Text


class TicketOrder(Document):
    """An order (documents.md, ticket_orders). `payment_status` is the gateway's own word."""

    id: Key = Field(default=None, alias="_id")
    event_id: Key = None
    customer_id: Key = None
    gateway: Text = None
    payment_status: Text = None
    payment_method: Text = None
    amount_cents: Number = 0
    ticket_count: Number = 0
    created_at: Moment = None
    updated_at: Moment = None

    class Settings:
        name: ClassVar[str] = "ticket_orders"
        indexes: ClassVar[list[IndexModel]] = [
            # A page's orders.
            IndexModel([("event_id", ASCENDING)]),
        ]
