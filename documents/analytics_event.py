"""The collection `analytics_events`: what visitors of the shop did; append-only."""

from typing import Any, ClassVar

from beanie import Document
from pydantic import Field
from pymongo import ASCENDING, IndexModel

from documents.values import Key, Mapped, Moment, Text


class AnalyticsEvent(Document):
    """A behaviour event (documents.md, analytics_events). `price` is a number or a numeric text."""

    id: Key = Field(default=None, alias="_id")
    event_type: Text = None
    session_id: Text = None
    user_id: Text = None
    product_slug: Text = None
    product_name: Text = None
    price: Any = None
    metadata: Mapped = None
    source: Text = None
    error_message: Text = None
    idempotency_key: Text = None
    created_at: Moment = None

    class Settings:
        name: ClassVar[str] = "analytics_events"
        # Each holds all that its aggregations read, but what only purchases and names are asked.
        indexes: ClassVar[list[IndexModel]] = [
            # Events of a type: how many of each product; by which sessions and users.
            IndexModel(
                [
                    ("event_type", ASCENDING),
                    ("created_at", ASCENDING),
                    ("session_id", ASCENDING),
                    ("user_id", ASCENDING),
                    ("product_slug", ASCENDING),
                ]
            ),
            # Sessions, and where they last came from: events of any type, oldest first.
            IndexModel(
                [
                    ("created_at", ASCENDING),
                    ("_id", ASCENDING),
                    ("session_id", ASCENDING),
                    ("source", ASCENDING),
                ]
            ),
            # Sessions of a product, and its newest name.
            IndexModel(
                [
                    ("product_slug", ASCENDING),
                    ("created_at", ASCENDING),
                    ("_id", ASCENDING),
                    ("event_type", ASCENDING),
                    ("session_id", ASCENDING),
                ]
            ),
        ]
