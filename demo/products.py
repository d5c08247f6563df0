"""Owns products: the shop's goods with stock and prices."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from demo.catalogue import COLLECTIONS, GOODS
from demo.chance import Chance, Document
from demo.people import ascii_of


@dataclass(frozen=True)
class Ware:
    """What visitors look at and buy, whether or not it still has a document."""

    slug: str
    name: str
    price_cents: int


def wares(chance: Chance) -> list[Ware]:
    """All wares in an order of popularity."""
    names = [(f"{good} {line}", cents) for line in COLLECTIONS for good, cents in GOODS.items()]
    found = [Ware(ascii_of(name).replace(" ", "-"), name, cents) for name, cents in names]
    chance.shuffle(found)
    return found


def delisted() -> list[Ware]:
    """Wares that were sold once and have no document any more."""
    return [
        Ware("pulseira-carnaval", "Pulseira Carnaval", 25_00),
        Ware("cartaz-virada-cultural", "Cartaz Virada Cultural", 59_90),
    ]


def products(chance: Chance, goods: list[Ware], now: datetime) -> list[Document]:
    return [_product(chance, number, ware, now) for number, ware in enumerate(goods)]


def _product(chance: Chance, number: int, ware: Ware, now: datetime) -> Document:
    product: Document = {
        "_id": chance.object_id(now - timedelta(minutes=chance.randrange(100_000, 900_000))),
        "slug": ware.slug,
        "name": ware.name,
        "is_active": number % 9 != 5,
    }
    if number % 11 != 3:
        product["inventory"] = _inventory(chance, number)
    if number % 13 != 6:
        currency = {7: "USD", 17: "EUR"}.get(number % 20, "BRL")
        product["pricing"] = {"price_cents": ware.price_cents, "currency": currency}
    return product


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
