"""The collection `products`: the shop's goods, with stock and price."""

from typing import ClassVar

from beanie import Document
from pydantic import BaseModel, Field
from pymongo import ASCENDING, IndexModel

from documents.values import Flag, Key, Number, Part, Text, Whole


class Inventory(BaseModel):
    """Units in stock and reserved; at `low_stock_threshold` available units the stock is low."""

    stock_quantity: Whole = 0
    reserved_quantity: Whole = 0
    low_stock_threshold: Whole | None = None


class Pricing(BaseModel):
    """The price, in minor units of `currency`."""

    price_cents: Number = 0
    currency: Text = None


class Product(Document):
    """A product (documents.md, products)."""

    id: Key = Field(default=None, alias="_id")
    slug: Text = None
    name: Text = None
    is_active: Flag = None
    inventory: Part[Inventory] = None
    pricing: Part[Pricing] = None

    class Settings:
        name: ClassVar[str] = "products"
        indexes: ClassVar[list[IndexModel]] = [
            # The names of the products that events are about.
            IndexModel([("slug", ASCENDING)]),
        ]
