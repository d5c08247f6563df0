"""The collection `promo_codes`: codes for free or discounted tickets."""

from typing import ClassVar

from beanie import Document
from pydantic import Field

from documents.values import DateTime, Flag, Key, Text


class PromoCode(Document):
    """A promo code (docs/documents.md)."""

    id: Key = Field(default=None, alias="_id")
    code: Text = None
    code_type: Text = None
    title: Text = None
    is_active: Flag = None
    created_at: DateTime = None

    class Settings:
        name: ClassVar[str] = "promo_codes"
