"""The collection `events`: what tickets are sold for."""

from typing import ClassVar

from beanie import Document
from pydantic import Field

from documents.values import Flag, Key, Moment, Text, Texts, Whole


class Event(Document):
    """An event (documents.md, events)."""

    id: Key = Field(default=None, alias="_id")
    title: Text = None
    event_type: Text = None
    event_date: Moment = None
    location: Text = None
    capacity: Whole = 0
    tickets_issued: Whole = 0
    is_active: Flag = None
    is_sale_box_office: Flag = None
    event_code: Text = None
    organizer_id: Text = None
    mobile_app_ids: Texts = Field(default_factory=list)

    class Settings:
        name: ClassVar[str] = "events"
