"""Random documents of all collections: most are valid, some have any value that BSON allows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import bson
from bson import Code, Decimal128, MaxKey, MinKey, ObjectId, Regex
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

from tests.differential import reserved
from tests.strategies import FAR_DATES, JUNK, ODD_TEXTS
from tests.strategies_behaviour import EVENT_TYPES

SIZES: Final[Mapping[str, int]] = {
    "events": 30,
    "tickets": 600,
    "ticket_orders": 400,
    "promo_codes": 60,
    "users": 150,
    "products": 25,
    "analytics_events": 700,
}
"""Collection → the number of ids that random documents have, and so their largest number."""

ODD_KEYS: Final = "odd-keys"
TINY_DECIMALS: Final = "tiny-decimals"
VALUES: Final[Mapping[str, str]] = {
    ODD_KEYS: "values of the types undefined, MinKey, MaxKey, Regex and Code",
    TINY_DECIMALS: "amounts whose sum needs more digits than Decimal128 has",
}
"""Kinds of values that can be left out → what they are."""

_ODD: Final = 0.06
# Dates are outside of Python's years, too.
_RAW: Final[CodecOptions[Any]] = CodecOptions(
    RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
_MISSING: Final = object()
_UNDEFINED: Final = object()
_KEY_TYPES: Final = (MinKey, MaxKey, Regex, Code)
_REFERENCES: Final = ("event_id", "ticket_order_id", "promo_code_id", "customer_id")
_TINY: Final = (Decimal128("7E-32"), Decimal128("-7E-32"), 999999999999)
_AMOUNTS: Final = (100, 250, 1999, 9990, 0, -250, 1.5, 33.3, 0.1, Decimal128("12.345"), 10**12 - 1)
_EVENT_TYPES: Final = [each for each in EVENT_TYPES if each != reserved.EVENT_TYPE]
_STATUSES: Final = ("CONFIRMED", "RECEIVED", "succeeded", "PENDING", "OVERDUE", "confirmed")


class RandomDocuments:
    """Documents whose ids are of fixed pools, so that writers meet each other's documents.

    `chance` decides the ids; each document is decided by the generator that it is made with.
    """

    def __init__(self, chance: Random, without: frozenset[str]) -> None:
        self.ids: Mapping[str, Sequence[ObjectId]] = {
            name: [ObjectId(chance.randbytes(12)) for _ in range(size)]
            for name, size in SIZES.items()
        }
        self._junk = [
            value for value in JUNK if ODD_KEYS not in without or not isinstance(value, _KEY_TYPES)
        ]
        self._undefined = ODD_KEYS not in without
        self._amounts = (*_AMOUNTS, *(() if TINY_DECIMALS in without else _TINY))

    def make(self, name: str, chance: Random) -> dict[str, Any]:
        """The fields of a document of a collection, without `_id`."""
        made = {
            "events": self._event,
            "tickets": self._ticket,
            "ticket_orders": self._order,
            "promo_codes": self._code,
            "users": self._user,
            "products": self._product,
            "analytics_events": self._analytics_event,
        }[name](chance)
        for field in made:
            if chance.random() < _ODD:
                made[field] = self._odd(field, chance)
        return {field: value for field, value in made.items() if value is not _MISSING}

    def _odd(self, field: str, chance: Random) -> Any:
        if chance.random() < 0.4:
            absent = [_MISSING, None, ""]
            if self._undefined and field in _REFERENCES:
                absent.append(_UNDEFINED)
            return chance.choice(absent)
        if field.endswith(("_at", "_date")) and chance.random() < 0.5:
            return chance.choice([*FAR_DATES, datetime(1, 1, 1, tzinfo=UTC), "2026-05-05"])
        return chance.choice(chance.choice([self._junk, ODD_TEXTS]))

    def _reference(self, name: str, chance: Random) -> ObjectId:
        """Mostly to one of a few documents, so that cells have many documents."""
        ids = self.ids[name]
        return ids[min(int(chance.expovariate(6 / len(ids))), len(ids) - 1)]

    def _event(self, chance: Random) -> dict[str, Any]:
        return {
            "title": chance.choice("ABCab"),
            "event_type": chance.choice(["concert", "movie_premiere", "Concert"]),
            "event_date": _now()
            + chance.choice([-1, 1]) * timedelta(seconds=chance.expovariate(1)),
            "location": "Hall",
            "capacity": chance.choice([0, 3, 50, 200, 2.7]),
            "is_active": chance.random() < 0.7,
            "is_sale_box_office": chance.random() < 0.5,
        }

    def _ticket(self, chance: Random) -> dict[str, Any]:
        order, code = chance.choice([(1, 0), (0, 1), (0, 0), (1, 1)])
        return {
            "event_id": self._reference("events", chance),
            "status": chance.choice(["available", "consumed", "expired", "blocked"]),
            "ticket_order_id": self._reference("ticket_orders", chance) if order else None,
            "promo_code_id": self._reference("promo_codes", chance) if code else _MISSING,
            "wallet": chance.choice(
                [_MISSING, _MISSING, {"status": "INJECTED"}, {"status": "DELETED"}]
            ),
            "created_at": _now(),
        }

    def _order(self, chance: Random) -> dict[str, Any]:
        return {
            "event_id": self._reference("events", chance),
            "gateway": chance.choice(["asaas", "stripe"]),
            "payment_status": chance.choice(_STATUSES),
            "payment_method": chance.choice(["credit_card", "pix"]),
            "amount_cents": chance.choice([*self._amounts, chance.randrange(10**6)]),
            "ticket_count": chance.choice([1, 2, 3, 2.5]),
            "created_at": _now(),
        }

    def _code(self, chance: Random) -> dict[str, Any]:
        return {
            "code": chance.choice("ABCab"),
            "code_type": chance.choice(["ticket", "promo"]),
            "title": chance.choice("XY"),
            "is_active": chance.random() < 0.5,
        }

    def _user(self, chance: Random) -> dict[str, Any]:
        return {
            "role": chance.choice(["customer", "customer", "staff", "admin", "Admin"]),
            "is_active": chance.random() < 0.7,
            "email_verified": chance.random() < 0.5,
            "phone_verified": chance.random() < 0.5,
        }

    def _product(self, chance: Random) -> dict[str, Any]:
        return {
            "slug": f"product-{chance.randrange(12)}",
            "name": chance.choice(["Mug", "Shirt", "Cap"]),
            "is_active": chance.random() < 0.8,
            "inventory": {
                "stock_quantity": chance.randrange(20),
                "reserved_quantity": chance.randrange(10),
                "low_stock_threshold": chance.choice([None, 2, 5]),
            },
            "pricing": {
                "price_cents": chance.choice([100, 2.5, 999]),
                "currency": chance.choice(["BRL", "MXN"]),
            },
        }

    def _analytics_event(self, chance: Random) -> dict[str, Any]:
        return {
            "event_type": chance.choice(_EVENT_TYPES),
            "session_id": f"session-{chance.randrange(80)}",
            "user_id": f"user-{chance.randrange(30)}" if chance.random() < 0.5 else _MISSING,
            "product_slug": f"product-{chance.randrange(15)}",
            "product_name": chance.choice(["Mug", "Shirt", "Cap", "Bag"]),
            "price": chance.choice([*(each for each in _AMOUNTS if each != 10**12 - 1), "99.90"]),
            "metadata": {"quantity": chance.choice([1, 2, 3, 2.7, "2"])},
            "source": chance.choice(["direct", "google", "instagram"]),
            "created_at": _now() - self._age(chance),
        }

    def _age(self, chance: Random) -> timedelta:
        """Mostly within the seven days of a window, often at its ends; negative in the future."""
        exact = timedelta(milliseconds=chance.randrange(-5_000, 5_000))
        if chance.random() < 0.3:
            return timedelta(days=chance.choice([0, 7, 90])) + exact
        return timedelta(days=chance.choice([7.5, 7.5, 7.5, 95]) * chance.random())


def encoded(document: dict[str, Any]) -> dict[str, Any] | RawBSONDocument:
    """The document with values of the type undefined, which PyMongo can't encode itself."""
    undefined = [field for field, value in document.items() if value is _UNDEFINED]
    if not undefined:
        return document
    data = bson.encode({**document, **dict.fromkeys(undefined)})
    for field in undefined:
        # Neither null (type 10) nor undefined (type 6) has bytes after its name.
        data = data.replace(f"\x0a{field}\0".encode(), f"\x06{field}\0".encode(), 1)
    return RawBSONDocument(data, _RAW)


def _now() -> datetime:
    """The server's time is the time of this machine; documents lie around it."""
    return datetime.now(UTC)
