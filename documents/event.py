"""The collection `events`: the events for which tickets are issued."""

from typing import ClassVar

from beanie import Document
from pydantic import Field

from documents.values import DateTime, Flag, Integer, Key, Text, TextList


class Event(Document):
    """An event (docs/documents.md)."""

    id: Key = Field(default=None, alias="_id")
    title: Text = None
    event_type: Text = None
    event_date: DateTime = None
    location: Text = None
    capacity: Integer = 0
    tickets_issued: Integer = 0
    is_active: Flag = None
    is_sale_box_office: Flag = None
    event_code: Text = None
    organizer_id: Text = None
    mobile_app_ids: TextList = Field(default_factory=list)

    class Settings:
        name: ClassVar[str] = "events"
