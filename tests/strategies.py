"""Random and hand-written documents: most are valid, some have any value that BSON allows.

`datasets()` draws small collections whose references mostly have a target. `nasty()` is a fixed
data set with at least one document for each trap of the contract. `tests.oracle` takes both, and
MongoDB 6 accepts every document. Examples share values of sub-documents: copy before changing.
"""

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import strategies as st

from tests import operations as operation

Dataset = dict[str, list[dict[str, Any]]]

COLLECTIONS = ("events", "tickets", "ticket_orders", "promo_codes", "users", "products")

# The dates of all data are around this time. Its milliseconds are not zero: a server that truncates
# to seconds fails.
NOW = datetime(2026, 5, 4, 12, 0, 0, 123000, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DAY = timedelta(days=1)

DATES = (
    NOW,
    NOW - MILLISECOND,
    NOW + MILLISECOND,
    NOW + DAY,
    NOW - DAY,
    datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
)
# BSON dates outside the years 1 to 9999, which datetime and ISO 8601 cannot represent.
FAR_DATES = (DatetimeMS(253402300800000), DatetimeMS(-62135596800001), DatetimeMS(2**63 - 1))

# Texts that a wrong server reads as something else, or sorts differently: `😀` is after `ﾞ` by code
# point, and before it in UTF-16.
ODD_TEXTS = (
    "$x",
    "$$NOW",
    "$$ROOT",
    "$event_id",
    "$event_type",
    "a.b",
    "{}",
    "unknown",
    "Unknown",
    "null",
    "true",
    "0",
    "12",
    " ",
    "é",
    "e\u0301",
    "Z",
    "a",
    "ß",
    "İ",
    "\uff9e",
    "😀",
    "=1+1",
    "a\x00b",
    "<b>",
    "^a.*",
)

# One pool of ids for all collections: a ticket, an event and an order may share an `_id`, so a join
# of the wrong collections finds documents. First bytes from 00 to f0 test that bytes are unsigned.
IDS = tuple(ObjectId(f"{n * 15:02x}aa00000000000000000{n:03x}") for n in range(17))
DANGLING = ObjectId("77bb00000000000000000000")

_MISSING = object()

# Values of any type, for any field.
JUNK: tuple[Any, ...] = (
    True,
    False,
    0,
    1,
    "12",
    "2.7",
    "x",
    "$x",
    float("nan"),
    float("inf"),
    float("-inf"),
    1e12,
    -1e12,
    10**12,
    Int64(2**40),
    Int64(2**63 - 1),
    Int64(-(2**63)),
    2**31,
    -(2**31) - 1,
    -5,
    -2.5,
    2.7,
    -0.0,
    0.9,
    1e300,
    Decimal128("NaN"),
    Decimal128("-Infinity"),
    Decimal128("2.7"),
    Decimal128("-0"),
    Decimal128("1E+12"),
    Decimal128("1E+6000"),
    [],
    [1],
    [""],
    [True],
    ["concert"],
    ["CONFIRMED"],
    ["DELETED"],
    [NOW],
    [IDS[0]],
    [{"status": "DELETED", "stock_quantity": 5, "price_cents": 100, "currency": "BRL"}],
    {},
    {"a": 1},
    {"": "x", "a.b": 1},
    {"$gt": ""},
    {"0": {"status": "DELETED"}},
    NOW,
    NOW + DAY,
    IDS[0],
    DANGLING,
    Regex("^.*", "i"),
    Binary(b"concert", 0),
    Binary(bytes(16), 4),
    Code("concert"),
    Code("f()", {"x": 1}),
    Timestamp(1, 1),
    DBRef("events", IDS[0]),
    MinKey(),
    MaxKey(),
)


@dataclass(frozen=True)
class _Ref:
    """A reference to the `index`-th document of a collection; resolved after all are drawn."""

    collection: str
    index: int
    wrap: Callable[[ObjectId], Any] = lambda _id: _id


def _weighted(good: Sequence[Any], rare: Sequence[Any], bad: Sequence[Any]) -> list[Any]:
    """A list to sample from: 6 of 7 values are good or rare, 1 of 7 is bad. Shrinks to `good[0]`.

    One list needs one draw of one index, which is far faster than nested strategies. It is
    shuffled, since Hypothesis draws low indexes several times more often than high ones.
    """
    fair = [*good, *list(good) * (6 * len(rare) // len(good)), *rare]
    pool = [*fair * (6 * len(bad) // len(fair) + 1), *bad]
    random.Random(len(pool)).shuffle(pool)
    return [good[0], *pool]


_ABSENT: tuple[Any, ...] = (_MISSING, None, "")

# For each type, the wrong values that are most easily taken for it.
_NOT_TEXTS: tuple[Any, ...] = ([], 5, True, NOW, {"$gt": ""}, Regex(".*"), b"concert")
_NOT_NUMBERS: tuple[Any, ...] = (
    *(True, False, "5", "", [5], {"a": 5}, NOW, Decimal128("NaN"), Decimal128("Infinity")),
    *(float("nan"), float("inf"), float("-inf"), 1e12, -1e12, Int64(2**40), Decimal128("1E+12")),
    # These are numbers, but unusual ones.
    *(-5, -2.5, 2.7, 0.9, -0.9, Decimal128("2.7"), Int64(2**39), 2**31),
)
_NOT_DATES: tuple[Any, ...] = (
    *([NOW], [NOW + DAY], "2026-05-05T12:00:00.000Z", 1777896000123, Int64(2**40), True),
    *(Timestamp(1777896000, 1), ObjectId(b"i" * 12), {"$date": "2026-05-05T12:00:00.000Z"}),
)
_NOT_FLAGS: tuple[Any, ...] = (1, 1.0, "true", "True", [True], {"a": True}, NOW, "yes")


def _mostly(
    *good: Any, rare: Sequence[Any] = (), bad: Sequence[Any] = ()
) -> st.SearchStrategy[Any]:
    return st.sampled_from(_weighted(good, rare, (*_ABSENT * 12, *JUNK, *list(bad) * 5)))


def _texts(*good: str, rare: Sequence[str] = ODD_TEXTS) -> st.SearchStrategy[Any]:
    wrapped = [wrong for text in good for wrong in ([text], Code(text), {"a": text})]
    return _mostly(*good, rare=rare, bad=(*wrapped, *_NOT_TEXTS))


def _numbers(*good: Any) -> st.SearchStrategy[Any]:
    return _mostly(*good, rare=_AMOUNTS, bad=_NOT_NUMBERS)


def _flags(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Several flags in one draw; at most one of them is bad."""
    good = [
        dict(zip(names, flags, strict=True))
        for flags in itertools.product((True, False), repeat=len(names))
    ]
    wrong = (*_ABSENT * 8, *_NOT_FLAGS * 2, *JUNK)
    bad = [{**flags, name: value} for flags in good for name in names for value in wrong]
    return st.sampled_from(_weighted(good, (), bad))


def _refs(collection: str, *, optional: bool = False) -> st.SearchStrategy[Any]:
    """References mostly to the first documents, so some documents have many and some none."""
    indexes = (0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    refs = [_Ref(collection, index) for index in indexes]
    absent = (_MISSING, None) * (len(refs) // 2) if optional else ()
    wrapped = [
        _Ref(collection, index, wrap)
        for index in (0, 1)
        for wrap in (_in_array, str, _in_document, _in_reference, _as_bytes)
    ]
    odd_ids: tuple[Any, ...] = ([], "", 0, False, float("nan"), {})
    return _mostly(*absent, *refs, DANGLING, bad=(*wrapped, *wrapped, *odd_ids))


def _in_array(_id: ObjectId) -> list[ObjectId]:
    return [_id]


def _in_document(_id: ObjectId) -> dict[str, ObjectId]:
    return {"_id": _id}


def _in_reference(_id: ObjectId) -> DBRef:
    return DBRef("events", _id)


def _as_bytes(_id: ObjectId) -> bytes:
    return _id.binary


_ODD_NUMBERS = random.Random(20260504)
_MONEY = (100, 0, 1, 5, 250, 9990, Int64(333))
_COUNTS = (1, 0, 2, 3, 1, 2)
_AMOUNTS: tuple[Any, ...] = (
    # Sums of these are ties of the rounding, such as half a cent.
    *(0.5, 1.5, 2.5, -0.5, 33.3, 33.7, 0.1, 0.2, Decimal128("0.5"), Decimal128("12.345"), -250),
    # The largest numbers below 1e12.
    *(10**12 - 1, -(10**12) + 1, 999999999999.5, Decimal128("999999999999.99"), 2**31 - 1),
    *(_ODD_NUMBERS.randint(-(10**5), 10**6) for _ in range(15)),
    # At most three decimals and 15 digits: the decimal value of such a double is unambiguous.
    *(_ODD_NUMBERS.randint(-(10**8), 10**9) / 1000 for _ in range(15)),
)


def _wallets() -> st.SearchStrategy[Any]:
    good: tuple[Any, ...] = (
        _MISSING,
        _MISSING,
        _MISSING,
        {"status": "INJECTED"},
        {"status": "ACTIVATED", "deleted_at": None},
        {"status": "DELETED"},
        {"status": "DELETED", "deleted_at": NOW},
        {"status": "ASSIGNED", "deleted_at": NOW + DAY},
    )
    rare = (
        {"status": "deleted"},
        {"status": ["DELETED"]},
        {"status": Code("DELETED")},
        {"deleted_at": "2026-01-01T00:00:00.000Z"},
        {"deleted_at": [NOW]},
        {"deleted_at": True},
        {"deleted_at": Timestamp(1, 1)},
        {"deleted_at": 1777896000123},
        [{"status": "DELETED", "deleted_at": NOW}],
        [{"deleted_at": NOW}],
        DBRef("wallets", 1, status="DELETED"),
    )
    return _mostly(*good, rare=rare, bad=rare)


_WHOLE = object()
_NOT_INVENTORIES: tuple[Any, ...] = (
    *([{"stock_quantity": 9, "reserved_quantity": 1}], [], {}, "", 9, True),
    DBRef("inventories", 1, stock_quantity=9),
)
_NOT_PRICINGS: tuple[Any, ...] = (
    *([{"price_cents": 100, "currency": "BRL"}], [], {}, "", 100, {"price_cents": True}),
    DBRef("prices", 1, price_cents=100, currency="BRL"),
)


def _product(drawn: dict[str, Any]) -> dict[str, Any]:
    """The drawn fields in their sub-documents, or the value drawn instead of a sub-document."""
    inventory = ("stock_quantity", "reserved_quantity", "low_stock_threshold")
    shape = drawn["shape"]
    return {
        "is_active": shape["is_active"],
        "inventory": _part(drawn, inventory, shape["inventory"]),
        "pricing": _part(drawn, ("price_cents", "currency"), shape["pricing"]),
    }


def _part(drawn: dict[str, Any], names: Sequence[str], instead: object) -> object:
    if instead is not _WHOLE:
        return instead
    return _without_missing({name: drawn[name] for name in names})


def _product_shapes() -> st.SearchStrategy[dict[str, Any]]:
    good = {"is_active": True, "inventory": _WHOLE, "pricing": _WHOLE}
    wrong = {"is_active": _NOT_FLAGS, "inventory": _NOT_INVENTORIES, "pricing": _NOT_PRICINGS}
    bad = [
        {**good, name: value}
        for name in good
        for value in (*_ABSENT * 8, *list(wrong[name]) * 6, *JUNK)
    ]
    return st.sampled_from(_weighted([good, good, {**good, "is_active": False}], (), bad))


def _document(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


@cache
def _documents(far_dates: bool) -> dict[str, st.SearchStrategy[dict[str, Any]]]:
    far = FAR_DATES if far_dates else ()
    titles = _texts("A", "B", "a", "\uff9e", "😀")
    return {
        "events": _document(
            title=titles,
            event_type=_texts("concert", "movie_premiere", "Concert"),
            event_date=_mostly(*DATES[:5], rare=(*DATES[5:], *far), bad=_NOT_DATES),
            location=_texts("Hall"),
            capacity=_numbers(3, 0, 1, 2, 7, 200, 2.7, Int64(3)),
            flags=_flags("is_active", "is_sale_box_office"),
            tickets_issued=st.just(999),
        ),
        "tickets": _document(
            event_id=_refs("events"),
            status=_texts("available", "consumed", "expired", rare=("AVAILABLE", "blocked")),
            ticket_order_id=_refs("ticket_orders", optional=True),
            promo_code_id=_refs("promo_codes", optional=True),
            created_at=_mostly(*DATES[:5], rare=DATES[5:], bad=_NOT_DATES),
            wallet=_wallets(),
        ),
        "ticket_orders": _document(
            event_id=_refs("events"),
            gateway=_texts("asaas", "stripe"),
            payment_status=_texts(
                *("CONFIRMED", "RECEIVED", "succeeded", "PENDING", "OVERDUE", "requires_action"),
                rare=("confirmed", "SUCCEEDED", "received ", "canceled", *ODD_TEXTS),
            ),
            payment_method=_texts("credit_card", "pix"),
            created_at=_mostly(*DATES[:5], rare=DATES[5:], bad=_NOT_DATES),
            amount_cents=_numbers(*_MONEY),
            ticket_count=_numbers(*_COUNTS),
        ),
        "promo_codes": _document(
            # Fewer texts than codes: some codes have the same text.
            code=_texts("A1", "B2", "a1", "\uff9e", "😀"),
            code_type=_texts("ticket", "promo"),
            title=titles,
            flags=_flags("is_active"),
        ),
        "users": _document(
            role=_texts("customer", "staff", "admin", rare=("Admin", "organizer", *ODD_TEXTS)),
            flags=_flags("is_active", "email_verified", "phone_verified"),
        ),
        "products": _document(
            shape=_product_shapes(),
            stock_quantity=_numbers(10, 0, 5, 6, 7, 1, 100),
            reserved_quantity=_numbers(0, 1, 5, 10),
            low_stock_threshold=_mostly(
                *(_MISSING, None, 5, 0, 10, 2), rare=(2.7, -1, 2**31), bad=_NOT_NUMBERS
            ),
            price_cents=_numbers(*_MONEY),
            currency=_texts("BRL", "MXN", "USD"),
        ).map(_product),
    }


def _without_missing(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not _MISSING}


@st.composite
def datasets(draw: st.DrawFn, *, far_dates: bool = False) -> Dataset:
    """Random collections of 0 to 12 documents under their default names.

    `far_dates` adds BSON dates outside the years 1 to 9999. PyMongo decodes them only with
    `datetime_conversion`, and the contract does not specify how the API shows them.
    """
    strategies = _documents(far_dates)
    drawn = {name: [draw(strategies[name]) for _ in range(draw(_SIZES))] for name in COLLECTIONS}
    # Unique ids in a random order: 17 is a prime, so no step repeats an id.
    step, start = draw(_STEPS), draw(_STARTS)
    ids = {
        name: [IDS[(step * index + start) % len(IDS)] for index in range(len(drawn[name]))]
        for name in COLLECTIONS
    }
    return {
        name: [
            {"_id": _id, **_finished(document, ids)}
            for _id, document in zip(ids[name], drawn[name], strict=True)
        ]
        for name in COLLECTIONS
    }


_SIZES = st.integers(0, 12)
_STEPS = st.integers(1, len(IDS) - 1)
_STARTS = st.integers(0, len(IDS) - 1)


def _finished(drawn: dict[str, Any], ids: dict[str, list[ObjectId]]) -> dict[str, Any]:
    """The document with its flags and resolved references, without missing fields."""
    document = {**drawn, **drawn.get("flags", {})}
    document.pop("flags", None)
    for field, value in document.items():
        if isinstance(value, _Ref):
            targets = ids[value.collection]
            found = targets[value.index % len(targets)] if targets else DANGLING
            document[field] = value.wrap(found)
    return _without_missing(document)


EVENT_ORDERS = operation.values_of("EventOrderField")


def event_stats_arguments() -> st.SearchStrategy[dict[str, Any]]:
    """Keyword arguments of `tests.oracle.event_stats`, all within their limits."""
    types = ("concert", "unknown", "movie_premiere", "Concert", "$x", "$event_type", "é", "")
    orders = itertools.product(EVENT_ORDERS, ("DESC", "ASC"))
    return st.fixed_dictionaries(
        {
            "page": st.sampled_from((0, 0, 0, 1, 2, 100)),
            "limit": st.sampled_from((20, 1, 2, 3, 500)),
            "event_type": st.sampled_from((*(None,) * len(types), *types)),
            "active_only": st.sampled_from((False, False, True)),
            "order_by": st.sampled_from((None, *orders)),
        }
    )


# ---------------------------------------------------------------- the fixed data set


def oid(number: int) -> ObjectId:
    return ObjectId(f"{number:024x}")


# The ids of the fixed data set that tests name. `…_GOOD` exists, `…_GONE` does not.
E_GOOD, E_GONE = oid(0xE01), oid(0xE99)
O_GOOD, O_GONE = oid(0xA01), oid(0xA99)
P_GOOD, P_GONE = oid(0xC01), oid(0xC99)


def nasty() -> Dataset:
    """A fixed data set with each trap at least once; comments give the right reading.

    A fresh copy at each call. `tests/test_oracle.py` has the answers, counted by hand.
    """
    return {
        "events": _nasty_events(),
        "tickets": _nasty_tickets(),
        "ticket_orders": _nasty_orders(),
        "promo_codes": _nasty_promo_codes(),
        "users": _nasty_users(),
        "products": _nasty_products(),
    }


def _nasty_events() -> list[dict[str, Any]]:
    return [
        # The highest id is first; its first byte is above 7f. No date: last in both directions.
        {
            "_id": ObjectId("ff" * 12),
            "title": "Zebra",
            "event_type": "concert",
            "event_date": None,
            "location": None,
            "capacity": float("inf"),  # not a number: unlimited
            "is_active": None,
            "is_sale_box_office": None,
        },
        # The main event. Its stored counter is wrong; its date is NOW, so it is past; overbooked.
        {
            "_id": E_GOOD,
            "title": "Zebra",
            "event_type": "concert",
            "event_date": NOW,
            "location": "Cinéma – Sala 3",
            "capacity": 7,
            "tickets_issued": 999,
            "is_active": True,
            "is_sale_box_office": True,
        },
        # Upcoming by one millisecond. 2.7 seats are 2. A flag is true only if it is the boolean.
        {
            "_id": oid(0xE03),
            "title": "zebra",
            "event_type": "Concert",
            "event_date": NOW + MILLISECOND,
            "location": "",
            "capacity": 2.7,
            "is_active": "true",
            "is_sale_box_office": 1,
        },
        # The same date as the main event; a lower id than the previous event.
        {
            "_id": oid(0xE02),
            "title": "Árvore",
            "event_type": "unknown",  # in one group with events without a type
            "event_date": NOW,
            "location": "$location",
            "capacity": 0.9,  # truncated to 0: unlimited
            "is_active": True,
            "is_sale_box_office": False,
        },
        # Only an id.
        {"_id": oid(0xE04)},
        # Empty texts count as absent; a text is not a date; True is not a number.
        {
            "_id": oid(0xE05),
            "title": "",
            "event_type": "",
            "event_date": "2026-05-05T12:00:00.000Z",
            "location": 5,
            "capacity": True,
            "is_active": 1,
        },
        # Arrays instead of single values.
        {
            "_id": oid(0xE06),
            "title": ["Zebra"],
            "event_type": ["concert"],
            "event_date": [NOW + DAY],
            "location": ["Hall"],
            "capacity": [200],
            "is_active": [True],
            "is_sale_box_office": [True],
        },
        # Texts that look like field paths. A text is not a number.
        {
            "_id": oid(0xE07),
            "title": "$title",
            "event_type": "$event_type",
            "event_date": NOW - DAY,
            "location": "$$NOW",
            "capacity": "200",
            "is_active": True,
        },
        # Before 1970. A capacity of 2 ** 40 is beyond 1e12, so it counts as 0.
        {
            "_id": oid(0xE08),
            "title": "😀",
            "event_type": "a.b",
            "event_date": datetime(1969, 7, 20, 20, 17, 40, 1000, tzinfo=UTC),
            "capacity": Int64(2**40),
            "is_active": False,
        },
        # After 😀 in UTF-16, before it by code point. 2 ** 39 is valid, and clamped when shown.
        {
            "_id": oid(0xE09),
            "title": "\uff9e",
            "event_type": Code("concert"),  # a str in Python, not a string in BSON
            "event_date": Timestamp(1777896000, 1),  # not a BSON date
            "capacity": Int64(2**39),
        },
        {
            "_id": oid(0xE0A),
            "title": {"a": "Zebra"},
            "event_type": {"$gt": ""},
            "event_date": datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
            "capacity": Decimal128("4.99"),
        },
        {
            "_id": oid(0xE0B),
            "title": Regex("^Z"),
            "event_type": Regex("^concert$"),
            "event_date": 1777896000123,
            "capacity": float("nan"),
        },
        {
            "_id": oid(0xE0C),
            "title": Binary(b"Zebra", 0),
            "event_type": Binary(b"concert", 0),
            "event_date": oid(0xE0C),
            "capacity": Decimal128("NaN"),
        },
        {"_id": oid(0xE0D), "title": MinKey(), "event_type": MaxKey(), "capacity": -5},
        # One ticket of 16: 6.25 % is rounded half to even to 6.2.
        {
            "_id": oid(0xE0E),
            "title": "Zebra ",
            "event_type": "concert",
            "capacity": Decimal128("16"),
        },
    ]


def _nasty_tickets() -> list[dict[str, Any]]:
    def ticket(number: int, **fields: Any) -> dict[str, Any]:
        return {"_id": oid(0xB00 + number), "event_id": E_GOOD, "created_at": NOW, **fields}

    return [
        # Sold: the order takes precedence over the promo code.
        ticket(1, status="available", ticket_order_id=O_GOOD, promo_code_id=P_GOOD),
        ticket(2, status="consumed", ticket_order_id=None, promo_code_id=P_GOOD),
        ticket(3, status="expired", ticket_order_id=None, promo_code_id=None),
        # Any value but null is an order id: all are sold. No status is one of the three.
        ticket(4, status="AVAILABLE", ticket_order_id=""),
        ticket(5, status=None, ticket_order_id=[]),
        ticket(6, status=["available"], ticket_order_id=False),
        ticket(7, status="", ticket_order_id=0),
        ticket(8, status=Code("available"), ticket_order_id=float("nan")),
        ticket(9, ticket_order_id=O_GONE, promo_code_id=""),
        # All promo, but without a code: an array with its id, the id as text, wrong ids.
        ticket(10, status="available", promo_code_id=[P_GOOD]),
        ticket(11, status="available", promo_code_id=str(P_GOOD)),
        ticket(12, status="available", promo_code_id=""),
        ticket(13, status="available", promo_code_id=P_GONE),
        ticket(14, status="available", promo_code_id={"_id": P_GOOD}),
        ticket(15, status="available", promo_code_id=True),
        # The id of an event, not that of a code.
        ticket(16, status="available", promo_code_id=E_GOOD),
        # Deleted: not counted anywhere.
        ticket(20, status="available", wallet={"status": "DELETED"}),
        ticket(21, status="consumed", wallet={"status": "ACTIVATED", "deleted_at": NOW + DAY}),
        ticket(22, promo_code_id=P_GOOD, wallet={"status": "DELETED", "deleted_at": None}),
        ticket(23, ticket_order_id=O_GOOD, wallet=DBRef("wallets", 1, status="DELETED")),
        # Not deleted: these only look so.
        ticket(30, status="expired", wallet={"status": "deleted", "deleted_at": None}),
        ticket(31, status="expired", wallet=[{"status": "DELETED", "deleted_at": NOW}]),
        ticket(32, status="expired", wallet={"status": ["DELETED"], "deleted_at": [NOW]}),
        ticket(33, status="expired", wallet={"status": Code("DELETED"), "deleted_at": True}),
        ticket(34, status="expired", wallet={"deleted_at": "2026-01-01T00:00:00.000Z"}),
        ticket(35, status="expired", wallet={"deleted_at": Timestamp(1, 1)}),
        ticket(36, status="expired", wallet="DELETED"),
        # Without an event: counted in the overview only.
        ticket(40, event_id=E_GONE, status="available", ticket_order_id=O_GOOD),
        ticket(41, event_id=None, status="available"),
        {"_id": oid(0xB00 + 42), "status": "available", "promo_code_id": oid(0xC02)},
        ticket(43, event_id=[E_GOOD], status="available"),
        ticket(44, event_id=str(E_GOOD), status="available"),
        ticket(45, event_id=Regex(".*"), status="available"),
        ticket(46, event_id={"_id": E_GOOD}, status="available"),
        ticket(47, event_id=[], status="available"),
        # Of other events. The codes 0xC03 and 0xC04 have the same text.
        ticket(50, event_id=oid(0xE03), status="available", promo_code_id=oid(0xC04)),
        ticket(51, event_id=oid(0xE03), status="available", promo_code_id=oid(0xC03)),
        ticket(52, event_id=oid(0xE0A), status="consumed", promo_code_id=oid(0xC05)),
        ticket(53, event_id=oid(0xE0E), status="consumed", ticket_order_id=O_GOOD),
        ticket(54, event_id=oid(0xE02), status="consumed", ticket_order_id=O_GOOD),
        ticket(55, event_id=ObjectId("ff" * 12), status="consumed"),
    ]


def _nasty_orders() -> list[dict[str, Any]]:
    def order(number: int, status: object, amount: object, **fields: Any) -> dict[str, Any]:
        return {
            "_id": oid(0xA00 + number),
            "event_id": E_GOOD,
            "gateway": "asaas",
            "payment_method": "pix",
            "payment_status": status,
            "amount_cents": amount,
            "ticket_count": 1,
            "created_at": NOW,
            **fields,
        }

    return [
        order(1, "CONFIRMED", 10000),
        order(2, "RECEIVED", Int64(250), gateway="stripe", payment_method="credit_card"),
        # 0.1 + 0.2 + 0.2 is half a cent, which is rounded half to even to 0.00.
        order(3, "succeeded", 0.1),
        order(4, "succeeded", 0.2),
        order(5, "succeeded", Decimal128("0.2")),
        order(6, "CONFIRMED", -6),
        # Paid, but the amounts are not numbers.
        order(7, "CONFIRMED", True, ticket_count=True),
        order(8, "CONFIRMED", "100", ticket_count="2"),
        order(9, "CONFIRMED", float("nan"), ticket_count=float("nan")),
        order(10, "CONFIRMED", float("inf"), ticket_count=Decimal128("Infinity")),
        order(11, "CONFIRMED", 1e12, ticket_count=1e12),
        order(12, "CONFIRMED", Int64(-(10**12)), ticket_count=None),
        order(13, "CONFIRMED", [100], ticket_count=[3]),
        order(14, "CONFIRMED", Decimal128("NaN"), ticket_count={}),
        # Not paid: statuses are compared exactly.
        order(20, "confirmed", 1000, gateway="Asaas", payment_method="PIX"),
        order(21, ["CONFIRMED"], 1000, gateway=["asaas"], payment_method=["pix"]),
        order(22, None, 1000, gateway=None, payment_method=None),
        order(23, "", 1000, gateway="", payment_method=""),
        order(24, Code("CONFIRMED"), 1000, gateway=Code("asaas"), payment_method=5),
        order(25, "unknown", 1000, gateway="unknown", payment_method="unknown"),
        order(26, "$payment_status", 1000, gateway="$gateway", payment_method="{}"),
        {"_id": oid(0xA00 + 27)},
        # Paid, without an event.
        order(30, "CONFIRMED", 700, event_id=E_GONE),
        order(31, "CONFIRMED", 70, event_id=None),
        order(32, "CONFIRMED", 7, event_id=[E_GOOD]),
        # Of other events; `ticket_count` may be a fraction.
        order(40, "RECEIVED", 12.5, event_id=oid(0xE03), ticket_count=2.5),
        order(41, "CONFIRMED", 10000, event_id=oid(0xE02)),
    ]


def _nasty_promo_codes() -> list[dict[str, Any]]:
    return [
        # The order of insertion is not the order of the ids.
        {
            "_id": oid(0xC04),
            "code": "SAME",
            "code_type": "promo",
            "title": "the higher id",
            "is_active": True,
        },
        {
            "_id": oid(0xC03),
            "code": "SAME",
            "code_type": "ticket",
            "title": "the lower id",
            "is_active": "yes",
        },
        {
            "_id": P_GOOD,
            "code": "VIP",
            "code_type": "ticket",
            "title": "Goiânia VIP",
            "is_active": True,
            "created_at": NOW,
        },
        {"_id": oid(0xC02), "code": None, "code_type": None, "title": None, "is_active": None},
        {"_id": oid(0xC05), "code": ["VIP"], "code_type": ["ticket"], "is_active": 1},
        # Without tickets: not among the top codes.
        {"_id": oid(0xC06), "code": "$code", "code_type": "unknown", "is_active": True},
        {"_id": oid(0xC07), "code": "", "code_type": "", "title": "", "is_active": False},
        {"_id": oid(0xC08)},
        {"_id": oid(0xC09), "code": "x", "code_type": "Ticket", "is_active": [True]},
    ]


def _nasty_users() -> list[dict[str, Any]]:
    def user(number: int, role: object, *flags: object) -> dict[str, Any]:
        names = ("is_active", "email_verified", "phone_verified")
        return {"_id": oid(0xD00 + number), "role": role, **dict(zip(names, flags, strict=False))}

    return [
        user(1, "customer", True, True, True),
        user(2, "customer", False, True, False),
        user(3, "customer", None, "true", 1),
        user(4, "customer"),
        user(5, "customer", 1, [True], {"$ne": False}),
        user(6, "staff", True, False, True),
        user(7, "staff", "true", True, None),
        user(8, "admin", True, True, True),
        # None of the counted roles.
        user(9, "Admin", True, True, True),
        user(10, ["admin"], True, True, True),
        user(11, None, True, True, True),
        user(12, Code("admin"), True, True, True),
        user(13, "organizer", True, True, True),
    ]


def _nasty_products() -> list[dict[str, Any]]:
    def product(
        number: int, inventory: object, pricing: object, is_active: object = True
    ) -> dict[str, Any]:
        return {
            "_id": oid(0xF00 + number),
            "slug": "s",
            "name": "n",
            "is_active": is_active,
            "inventory": inventory,
            "pricing": pricing,
        }

    def stock(quantity: object, reserved: object, **threshold: object) -> dict[str, Any]:
        return {"stock_quantity": quantity, "reserved_quantity": reserved, **threshold}

    def price(cents: object, currency: object = "BRL") -> dict[str, Any]:
        return {"price_cents": cents, "currency": currency}

    return [
        product(1, stock(10, 2), price(1000)),  # 8 left: in stock
        product(2, stock(7, 2), price(999, "MXN")),  # 5 left: low by the threshold of the setting
        product(3, stock(5, 0, low_stock_threshold=4), price(1)),  # not low by its own threshold
        product(
            4, stock(5, 0, low_stock_threshold=None), price(1)
        ),  # null: the threshold of the setting
        product(
            5, stock(5, 0, low_stock_threshold="9"), price(1)
        ),  # wrong type: a threshold of 0, never low
        product(6, stock(3, 3), price(100)),  # out
        product(7, stock(1, 5), price(100)),  # out: -4 left
        product(8, stock(2.7, -0.9), price(0.5)),  # 2 and 0; the price stays half a cent
        product(9, stock("9", True), price(True)),  # 0 and 0: out; True is not a price
        product(10, {}, {}),  # with inventory (out), without a price
        product(11, stock(float("nan"), None), price(float("nan"))),  # NaN is a price of 0
        product(12, stock(4, 0), price("100")),  # a text is not a price
        product(13, stock(4, 0), [price(100)]),  # an array is not a document
        product(14, [stock(4, 0)], price(100)),
        product(15, None, price(Decimal128("12.5"), None)),
        product(16, stock(6, 0, low_stock_threshold=6.9), price(Decimal128("0.75"), None)),
        product(17, stock(2, 1), price(10**12, "")),  # beyond 1e12: a price of 0
        product(19, stock(Int64(2**40), 0), price(100, ["BRL"])),  # beyond 1e12: 0 in stock
        product(20, DBRef("inventories", 1, stock_quantity=6), price(100, "$x")),
        # Not active: counted only with `activeOnly: false`.
        product(30, stock(100, 0), price(100), is_active=False),
        product(31, stock(100, 0), price(100), is_active="true"),
        product(32, stock(100, 0), price(100), is_active=[True]),
        {"_id": oid(0xF00 + 33)},
        # The largest valid numbers: beyond Int, so clamped.
        product(34, stock(10**12 - 1, 0), price(10**12 - 1, "unknown"), is_active=False),
    ]
