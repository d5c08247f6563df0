"""Demo products, with stock and prices."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from demo.catalogue import COLLECTIONS, GOODS
from demo.chance import Chance, Document
from demo.people import ascii_of


@dataclass(frozen=True)
class ShopProduct:
    """A product that visitors view and buy; a delisted one has no document."""

    slug: str
    name: str
    price_cents: int


def shop_products(chance: Chance) -> list[ShopProduct]:
    """All listed products, the most popular first."""
    names = [(f"{good} {line}", cents) for line in COLLECTIONS for good, cents in GOODS.items()]
    found = [ShopProduct(ascii_of(name).replace(" ", "-"), name, cents) for name, cents in names]
    chance.shuffle(found)
    return found


def delisted_products() -> list[ShopProduct]:
    """Products that were sold and have no document."""
    return [
        ShopProduct("pulseira-carnaval", "Pulseira Carnaval", 25_00),
        ShopProduct("cartaz-virada-cultural", "Cartaz Virada Cultural", 59_90),
    ]


def products(chance: Chance, goods: list[ShopProduct], now: datetime) -> list[Document]:
    return [_document(chance, number, product, now) for number, product in enumerate(goods)]


def _document(chance: Chance, number: int, product: ShopProduct, now: datetime) -> Document:
    document: Document = {
        "_id": chance.object_id(now - timedelta(minutes=chance.randrange(100_000, 900_000))),
        "slug": product.slug,
        "name": product.name,
        "is_active": number % 9 != 5,
    }
    if number % 11 != 3:
        document["inventory"] = _inventory(chance, number)
    if number % 13 != 6:
        currency = {7: "USD", 17: "EUR"}.get(number % 20, "BRL")
        document["pricing"] = {"price_cents": product.price_cents, "currency": currency}
    return document


def _inventory(chance: Chance, number: int) -> Document:
    match number % 8:
        case 1:
            stock, reserved = chance.randrange(4, 8), 3
        case 4:
            stock = reserved = chance.randrange(6)
        case _:
            stock, reserved = chance.randrange(20, 180), chance.randrange(12)
    inventory: Document = {"stock_quantity": stock, "reserved_quantity": reserved}
    if number % 3:
        inventory["low_stock_threshold"] = chance.choice((5, 8, 10))
    return inventory
