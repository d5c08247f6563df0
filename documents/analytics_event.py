"""The collection `analytics_events`: actions of visitors in the shop; append-only."""

from typing import Any, ClassVar

from beanie import Document
from pydantic import Field
from pymongo import ASCENDING, IndexModel

from documents.values import DateTime, FreeDocument, Key, Text


class AnalyticsEvent(Document):
    """A behaviour event (docs/documents.md). `price` is a number or a numeric text."""

    id: Key = Field(default=None, alias="_id")
    event_type: Text = None
    session_id: Text = None
    user_id: Text = None
    product_slug: Text = None
    product_name: Text = None
    price: Any = None
    metadata: FreeDocument = None
    source: Text = None
    error_message: Text = None
    idempotency_key: Text = None
    created_at: DateTime = None

    class Settings:
        name: ClassVar[str] = "analytics_events"
        # The first three cover their aggregations, except those of purchases and names. They make
        # MongoDB refuse documents with arrays in two fields; the last two serve without them.
        indexes: ClassVar[list[IndexModel]] = [
            # Events of a type, by product, session and user.
            IndexModel(
                [
                    ("event_type", ASCENDING),
                    ("created_at", ASCENDING),
                    ("session_id", ASCENDING),
                    ("user_id", ASCENDING),
                    ("product_slug", ASCENDING),
                ]
            ),
            # Sessions and their last source: events of all types, oldest first.
            IndexModel(
                [
                    ("created_at", ASCENDING),
                    ("_id", ASCENDING),
                    ("session_id", ASCENDING),
                    ("source", ASCENDING),
                ]
            ),
            # Sessions of a product, and the product's newest name.
            IndexModel(
                [
                    ("product_slug", ASCENDING),
                    ("created_at", ASCENDING),
                    ("_id", ASCENDING),
                    ("event_type", ASCENDING),
                    ("session_id", ASCENDING),
                ]
            ),
            # The events of a window, oldest first.
            IndexModel([("created_at", ASCENDING), ("_id", ASCENDING)]),
            # The events of a rare type.
            IndexModel([("event_type", ASCENDING)]),
        ]
