"""The collection `users`: customers, staff and admins."""

from typing import ClassVar

from beanie import Document
from pydantic import Field

from documents.values import DateTime, Flag, Key, Text


class User(Document):
    """An account (docs/documents.md)."""

    id: Key = Field(default=None, alias="_id")
    role: Text = None
    is_active: Flag = None
    email_verified: Flag = None
    phone_verified: Flag = None
    email: Text = None
    first_name: Text = None
    last_name: Text = None
    phone: Text = None
    birth_date: DateTime = None
    id_number: Text = None
    residence_country: Text = None
    allow_promo_email: Flag = None
    allow_promo_third_party_email: Flag = None
    allow_tracking: Flag = None

    class Settings:
        name: ClassVar[str] = "users"
