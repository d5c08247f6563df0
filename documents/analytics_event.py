"""The collection `analytics_events`: what visitors of the shop did; append-only."""

from typing import Any, ClassVar

from beanie import Document
from pydantic import Field

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
