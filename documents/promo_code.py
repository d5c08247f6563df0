"""The collection `promo_codes`: codes that give tickets away."""

from typing import ClassVar

from beanie import Document
from pydantic import Field

from documents.values import Flag, Key, Moment, Text


class PromoCode(Document):
    """A promo code (documents.md, promo_codes)."""

    id: Key = Field(default=None, alias="_id")
    code: Text = None
    code_type: Text = None
    title: Text = None
    is_active: Flag = None
    created_at: Moment = None

    class Settings:
        name: ClassVar[str] = "promo_codes"
