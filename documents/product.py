"""The collection `products`: the shop's products, with stock and price."""

from typing import ClassVar

from beanie import Document
from pydantic import BaseModel, Field
from pymongo import ASCENDING, IndexModel

from documents.values import Flag, Integer, Key, Number, SubDocument, Text


class Inventory(BaseModel):
    """The stock in units. It is low at `low_stock_threshold` available units or fewer."""

    stock_quantity: Integer = 0
    reserved_quantity: Integer = 0
    low_stock_threshold: Integer | None = None


class Pricing(BaseModel):
    """The price, in minor units of `currency`."""

    price_cents: Number = 0
    currency: Text = None


class Product(Document):
    """A product (docs/documents.md)."""

    id: Key = Field(default=None, alias="_id")
    slug: Text = None
    name: Text = None
    is_active: Flag = None
    inventory: SubDocument[Inventory] = None
    pricing: SubDocument[Pricing] = None

    class Settings:
        name: ClassVar[str] = "products"
        indexes: ClassVar[list[IndexModel]] = [
            # The names of products in behaviour events.
            IndexModel([("slug", ASCENDING)]),
        ]
