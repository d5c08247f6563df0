"""Random and hand-written analytics events, with the products that they name.

`analytics()` draws collections in which equal values and edge cases are common.
`nasty_behaviour()` is a fixed data set with each trap of the contract's behavioural part at least
once. No document has an array in more than one field: MongoDB rejects such a document if a
compound index covers both.
"""

import itertools
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from bson.binary import Binary
from bson.code import Code
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import strategies as st

from tests.strategies import DAY, FAR_DATES, JUNK, MILLISECOND, NOW, ODD_TEXTS, Dataset, oid

WEEK = 7 * DAY
QUARTER = 90 * DAY
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

EVENT_TYPES = (
    "product_view",
    "add_to_cart",
    "begin_checkout",
    "purchase",
    "checkout_started",
    "payment_info_entered",
    "order_completed",
    "payment_error",
    "checkout_error",
    "payment_confirmation_error",
    "address_error",
    "whatsapp_cart_click",
    "whatsapp_purchase",
)

# ---------------------------------------------------------------- time zones and clock changes

ZONES = (
    "UTC",
    "America/Bogota",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Pacific/Chatham",  # +12:45, +13:45
    "Pacific/Kiritimati",  # +14
    "Pacific/Marquesas",  # -9:30
    "Etc/GMT+12",
    "America/St_Johns",
    "Africa/Casablanca",  # its clocks go *back* for Ramadan
    "Europe/Dublin",  # in tzdata its standard time is summer time
)

# Invalid names of zones. A wrong server would read some of them as a file or an offset.
INVALID_ZONES = (
    "",
    " ",
    "Mars/Olympus_Mons",
    "America",
    "America/",
    "../zoneinfo/UTC",
    "/usr/share/zoneinfo/UTC",
    "zone.tab",
    "tzdata.zi",
    "UTC ",
    "UTC\n",
    "UTC\x00",
    "UTC+3",
    "+03:00",
    "$timezone",
    "😀",
    "A" * 1000,
)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# (zone, UTC time of a clock change)
_CHANGES = (
    # Forward at midnight, 00:00 to 01:00: the day begins at 01:00.
    ("America/Sao_Paulo", _utc("2018-11-04T03:00")),
    ("Africa/Cairo", _utc("2026-04-23T22:00")),
    ("Asia/Beirut", _utc("2026-03-28T22:00")),
    ("America/Havana", _utc("2026-03-08T05:00")),
    # Back at midnight, 24:00 to 23:00: the last hour of the day comes twice.
    ("America/Sao_Paulo", _utc("2018-02-18T02:00")),
    ("Africa/Cairo", _utc("2025-10-30T21:00")),
    ("Asia/Beirut", _utc("2025-10-25T21:00")),
    # Back from 01:00 to 00:00: midnight comes twice, on one date.
    ("America/Havana", _utc("2025-11-02T05:00")),
    # Back from 00:01 to 23:01: a date lasts one minute, and comes again an hour later.
    ("America/St_Johns", _utc("2010-11-07T02:31")),
    ("America/St_Johns", _utc("2010-03-14T03:31")),
    # At night, but not at midnight.
    ("Europe/Berlin", _utc("2026-03-29T01:00")),
    ("Europe/Berlin", _utc("2025-10-26T01:00")),
    ("America/New_York", _utc("2026-03-08T07:00")),
    ("America/New_York", _utc("2025-11-02T06:00")),
    ("Africa/Casablanca", _utc("2026-02-15T02:00")),
    ("Africa/Casablanca", _utc("2026-03-22T02:00")),
    # By half an hour.
    ("Australia/Lord_Howe", _utc("2025-10-04T15:30")),
    ("Australia/Lord_Howe", _utc("2026-04-04T15:00")),
    # For good. In Pyongyang 23:30 became 00:00: that day had no last half hour.
    ("Asia/Pyongyang", _utc("2018-05-04T15:00")),
    ("America/Caracas", _utc("2016-05-01T07:00")),
    # A skipped date: 30 December 2011.
    ("Pacific/Apia", _utc("2011-12-30T10:00")),
    # A date that came twice: 4 July 1892. The offset before was +12:33:04.
    ("Pacific/Apia", _utc("1892-07-04T11:26:56")),
)


def _around(zone: str, change: datetime) -> list[tuple[str, datetime]]:
    """(zone, now): windows that have the clock change in the middle, or at an end."""
    offsets = (
        3 * DAY + 5 * HOUR + 123 * MILLISECOND,
        # The change is the last millisecond of the window, or the first one after it.
        *(timedelta(0), -MILLISECOND, -30 * timedelta(seconds=1), 30 * MINUTE),
        # The change is the first millisecond of the window, or the last one before it.
        *(WEEK, WEEK + MILLISECOND, WEEK - 30 * timedelta(seconds=1), WEEK + 30 * MINUTE),
    )
    # Just before and after midnight: the 168 hours of the window touch 7 or 9 dates.
    midnights = [
        (change + 3 * DAY).astimezone(ZoneInfo(zone)).replace(hour=h, minute=m, second=30)
        for h, m in ((0, 10), (23, 50))
    ]
    nows = [change + offset for offset in offsets] + [m.astimezone(UTC) for m in midnights]
    return [(zone, now) for now in nows]


NOWS_AROUND_CHANGES = tuple(pair for zone, change in _CHANGES for pair in _around(zone, change))

# Also each zone with the `NOW` of the other tests.
ZONED_NOWS = (*((zone, NOW) for zone in ZONES), *NOWS_AROUND_CHANGES)


@cache
def _edges_of_days(now: datetime, zone: str) -> tuple[datetime, ...]:
    """The times (UTC) in the window at which the zone's date or offset changes."""
    info = ZoneInfo(zone)

    def shown(time: datetime) -> tuple[object, object]:
        local = time.astimezone(info)
        return local.date(), local.utcoffset()

    edges = []
    time = now - WEEK
    while time < now:
        after = min(time + MINUTE, now)
        if shown(after) != shown(time):
            low, high = time, after
            while high - low > MILLISECOND:
                middle = low + (high - low) // (2 * MILLISECOND) * MILLISECOND
                low, high = (middle, high) if shown(middle) == shown(time) else (low, middle)
            edges.append(high)
        time = after
    return tuple(edges)


@cache
def _event_times(now: datetime, zone: str) -> tuple[datetime, ...]:
    """Dates for events: about a third at edges of days, a third in the window, a third outside."""
    edges = _edges_of_days(now, zone)
    at_edges = [edge + d for edge in edges for d in (-MILLISECOND, timedelta(0))]
    # Fixed steps of six hours, so equal times are common; none is a whole second.
    inside = [now - n * 6 * HOUR - 77 * MILLISECOND for n in range(27)]
    ends = [now, now - MILLISECOND, now - WEEK, now - WEEK + MILLISECOND] * 3
    before = [now - WEEK - MILLISECOND, now - WEEK - DAY, now - 30 * DAY, now - 60 * DAY] * 2
    oldest = [now - QUARTER, now - QUARTER + MILLISECOND]
    outside = [now + MILLISECOND, now + DAY, now - QUARTER - MILLISECOND, now - 400 * DAY]
    return (now - DAY, *at_edges, *inside, *ends, *before, *oldest, *outside)


# ---------------------------------------------------------------- odd values

_MISSING = object()
_ARRAYS: tuple[Any, ...] = ([], [1], [""], ["a"], [None], [["a"]], [{"a": 1}])

_NOT_TEXTS: tuple[Any, ...] = (
    *(_MISSING, None, "", 5, 0, True, {}, {"$gt": ""}, float("nan"), Int64(1), oid(1)),
    *(Code("a"), Code("a", {}), Regex(".*"), Binary(b"a", 0), NOW, MinKey(), MaxKey()),
    *_ARRAYS,
)

# Texts that only a lenient parser reads as a number.
_NON_NUMERIC_TEXTS = (
    *("abc", " 12", "12 ", "12\n", "\t12", "1_000", "1,000", "１２", "٣", "NaN", "nan", "-NaN"),
    *("Infinity", "-inf", "0x10", "1e", "e5", ".", "-", "+", "+-5", "--5", "1.2.3", "1e5.5"),
    *("1e+", "12abc", "$price", "true", "12\x00", "½", "²", "− 5", "1 000", "1e 3"),
)
_NUMERIC_TEXTS = (
    *("120", "99.90", "1e3", "+5", ".5", "5.", "-3", "0", "-0", "00012", "1E2", "2e-2", "-.5e+1"),
    # At most 34 digits, the precision of a Decimal128.
    *("999999999999.9999999", "999999999999.999999", "-999999999999.9999995", "1e11"),
    # Ties at the sixth place.
    *("0.0000005", "0.0000015", "0.0000025", "-0.0000005", "5e-7", "0.00000050000001"),
    # Beyond 1e12, and beyond the range of a double or Decimal128.
    *("1e12", "-1e12", "1000000000000", "1e400", "-1e400", "1e99999", "0e400", "1e-400"),
    # Sums of these are half a cent.
    *("0.005", "0.015", "0.025", "33.335", "0.1", "0.2", "0.3"),
)
_ODD_NUMBERS: tuple[Any, ...] = (
    *(0.1 + 0.2, 0.1, 0.2, 0.005, 1.005, 2.675, 0.0000005, 1e-7, 5e-324, -0.0, 1e11, 0.5),
    *(123456789.123456789, 999999999999.99, 10**12 - 1, -(10**12) + 1, 2**31, -3, -2.5),
    *(1e12, -1e12, 10**12, Int64(10**12), Int64(2**63 - 1), Int64(-(2**63)), 1e300, -1e300),
    *(float("nan"), float("inf"), float("-inf"), Int64(7), Int64(-7)),
    *(Decimal128("NaN"), Decimal128("sNaN"), Decimal128("Infinity"), Decimal128("-Infinity")),
    *(Decimal128("0.3"), Decimal128("0.0000005"), Decimal128("0.0000015"), Decimal128("-0")),
    *(Decimal128("1E+12"), Decimal128("1E+6000"), Decimal128("1E-6000"), Decimal128("2.7")),
    *(Decimal128("999999999999.9999999"), Decimal128("1.234567890123456789012345678901234")),
)
_NOT_NUMBERS: tuple[Any, ...] = (
    *(_MISSING, None, "", True, False, {}, {"quantity": 5}, {"a": 120}, NOW, oid(1)),
    *(Code("120"), Timestamp(5, 1), Regex("120"), Binary(b"120", 0), MinKey(), MaxKey()),
    *([], [120], ["120"], [0.5, 1]),
)
_QUANTITIES: tuple[Any, ...] = (
    *_ODD_NUMBERS,
    *(v for v in _NOT_NUMBERS if v is not _MISSING),
    # A quantity that is a numeric text does not count as a number.
    *("3", "2.7", "1e3", "abc", " 3"),
    *(0, -1, -2, 0.9, -0.9, 2.999999, Decimal128("0.5"), Decimal128("3")),
)
_METADATA: tuple[Any, ...] = (
    *({"quantity": value} for value in _QUANTITIES),
    *(_MISSING, None, "", "3", 3, True, {}, {"Quantity": 3}, {"": 3}, {"quantity ": 3}),
    *({"a.quantity": 3}, {"quantity.a": 3}, {"quantity": {"quantity": 3}}, NOW),
    *([], [3], [{"quantity": 3}], [{"quantity": 3}, {"quantity": 4}]),
    DBRef("metadata", 1, quantity=3),  # in BSON, a document {$ref, $id, quantity}
)


def _not_dates(now: datetime) -> tuple[Any, ...]:
    milliseconds = int((now - DAY).timestamp()) * 1000
    return (
        *(_MISSING, None, "", (now - DAY).isoformat(), "2026-05-01", True, {}),
        *([], [now - DAY], [now - DAY, now - 2 * DAY], [None]),
        *(Timestamp(max(0, milliseconds // 1000), 1), milliseconds, float(milliseconds)),
        *(Int64(milliseconds), Decimal128(str(milliseconds)), ObjectId(b"i" * 12)),
        *({"$date": "2026-05-01T00:00:00Z"}, MinKey(), MaxKey(), Code("new Date()")),
    )


# ---------------------------------------------------------------- random documents

# Some texts are both a session and a user: a person is a text, from either field.
_SESSIONS = ("s1", "s2", "s3", "a", "\uff9e", "😀")
_USERS = ("u1", "u2", "a", "s1", "U1", "😀")
_SLUGS = ("cap", "hood", "Cap", "tee", "\uff9e", "😀")
_NAMES = ("Cap", "Urban cap", "Gorra ñ", "A", "a")
_SOURCES = ("google", "direct", "instagram", "Direct", "unknown", "direct ", "\uff9e", "😀")
_MANY_SESSIONS = tuple(f"s{n}" for n in range(16))
_MANY_SLUGS = tuple(f"p{n}" for n in range(16))

# (event types, sessions, slugs) of most events of a data set: each list of the answer is long for
# some topic. Hypothesis shrinks to the first.
_TOPICS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (EVENT_TYPES, _SESSIONS, _SLUGS),
    (EVENT_TYPES[:4], _SESSIONS, _SLUGS),
    (EVENT_TYPES[2:4], _SESSIONS, _SLUGS[:2]),
    (("product_view", "add_to_cart", "purchase"), _SESSIONS, _MANY_SLUGS),
    (("whatsapp_cart_click", "whatsapp_purchase"), _MANY_SESSIONS, _SLUGS),
    (("purchase",), _SESSIONS[:3], _SLUGS[:3]),
)
_ODD_TYPES = ("Purchase", "purchase ", "PURCHASE", "page_view", "scroll", "unknown", "$event_type")

# Steps through these make ids unique, and unrelated to the order of time. 43 is a prime.
_IDS: tuple[Any, ...] = (
    *(0, -5, 7, Int64(2**40), 1000),
    *(ObjectId(f"{n * 6:02x}aa0000000000000000{n:04x}") for n in range(38)),
)


def _holds_array(value: object) -> bool:
    if isinstance(value, DBRef):
        value = value.as_doc()
    return isinstance(value, list) or (
        isinstance(value, Mapping) and any(_holds_array(v) for v in value.values())
    )


_Spoil = tuple[str, Any]


@cache
def _spoils(now: datetime) -> tuple[list[_Spoil], list[_Spoil]]:
    """(field, odd value) for events: first the list with arrays, then the list without."""
    texts = (*_NOT_TEXTS * 2, *ODD_TEXTS, *JUNK)
    values: dict[str, tuple[Any, ...]] = {
        "event_type": (*texts, *_ODD_TYPES * 3, ["purchase"], Code("purchase"), {"a": "purchase"}),
        "session_id": (*texts, ["s1"], Code("s1"), "S1", "s1 "),
        "user_id": (*texts, ["u1"], Code("u1"), "u1 "),
        "product_slug": (*texts, ["cap"], Code("cap"), "cap "),
        "product_name": (*texts, ["Cap"], Code("Cap")),
        "source": (*texts, ["google"], ["direct"], Code("google"), "DIRECT", "google "),
        "created_at": (*_not_dates(now) * 4, *FAR_DATES * 2),
        "price": (*_NON_NUMERIC_TEXTS, *_NUMERIC_TEXTS * 2, *_ODD_NUMBERS * 2, *_NOT_NUMBERS),
        "metadata": (*_METADATA * 2, *JUNK),
    }
    # In turns, so a field with many bad values does not crowd out the others.
    turns = max(len(pool) for pool in values.values())
    spoils = [
        (field, pool[turn % len(pool)]) for turn in range(turns) for field, pool in values.items()
    ]
    return spoils, [(field, value) for field, value in spoils if not _holds_array(value)]


def _any_of(*pool: Any) -> st.SearchStrategy[Any]:
    """One of the values; shrinks to the first.

    Shuffled, since Hypothesis draws low indexes several times more often than high ones.
    """
    shuffled = list(pool)
    random.Random(len(pool)).shuffle(shuffled)
    return st.sampled_from([pool[0], *shuffled])


@cache
def _events(now: datetime, zone: str, topic: int) -> st.SearchStrategy[dict[str, Any]]:
    types, sessions, slugs = _TOPICS[topic]
    wrong, wrong_without_array = _spoils(now)
    quantities = ({"quantity": n} for n in (1, 2, 3, 1, 2.7, Int64(2), 0, -1))
    return st.fixed_dictionaries(
        {
            # Mostly types of the topic, but every type occurs.
            "event_type": _any_of(*types * (24 // len(types)), *EVENT_TYPES),
            "session_id": _any_of(*sessions, *sessions[:3], _MISSING),
            "user_id": _any_of(*_USERS, _MISSING, _MISSING, None),
            "product_slug": _any_of(*slugs, *slugs[:2], _MISSING),
            "product_name": _any_of(*_NAMES, _MISSING, _MISSING, ""),
            "source": _any_of(*_SOURCES, _MISSING, None, "google"),
            "created_at": _any_of(*_event_times(now, zone)),
            "price": _any_of(
                *(100, "120", "99.90", 0.1, 0.2, "0.005", 33.335, _MISSING), *_NUMERIC_TEXTS[:8]
            ),
            "metadata": _any_of(*quantities, {"quantity": 1, "size": "M"}, {}, _MISSING),
            # One document in four has an odd value in a field; one in ten has another odd value.
            "spoil": _any_of(*[None] * (3 * len(wrong)), *wrong),
            "other": _any_of(*[None] * (9 * len(wrong_without_array)), *wrong_without_array),
        }
    )


@cache
def _products(topic: int) -> st.SearchStrategy[dict[str, Any]]:
    slugs = _TOPICS[topic][2]
    # No arrays: the slug may be an array.
    not_names = [value for value in _NOT_TEXTS if not _holds_array(value)]
    names = (*_NAMES * 12, *not_names, *ODD_TEXTS)
    wrapped = ([slugs[0]], [*slugs[:2]], Code(slugs[0]), {"slug": slugs[0]}, f"{slugs[0]} ")
    odd_slugs = (*wrapped * 2, *ODD_TEXTS, *_NOT_TEXTS)
    return st.fixed_dictionaries(
        {
            "slug": _any_of(*slugs * (120 // len(slugs)), *odd_slugs),
            "name": _any_of(*names),
            "is_active": _any_of(True, False, None, _MISSING, "true"),
        }
    )


def _finished(_id: object, drawn: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in drawn.items() if name not in {"spoil", "other"}}
    fields.update(spoil for name in ("spoil", "other") if (spoil := drawn.get(name)) is not None)
    present = {name: value for name, value in fields.items() if value is not _MISSING}
    return {"_id": _id, **present}


_SIZES = _any_of(8, 0, 1, 2, 4, 8, 12, 12, 16, 16, 20, 24, 28, 32, 36, 40, 40)
_FEW = st.integers(0, 8)
_STEPS = st.integers(1, len(_IDS) - 1)
_STARTS = st.integers(0, len(_IDS) - 1)


@st.composite
def analytics(draw: st.DrawFn, now: datetime = NOW, zone: str = "UTC") -> Dataset:
    """Up to 40 events in and around the windows that end at `now`, and up to 8 products."""
    topic = draw(st.integers(0, len(_TOPICS) - 1))
    drawn = {
        "analytics_events": [draw(_events(now, zone, topic)) for _ in range(draw(_SIZES))],
        "products": [draw(_products(topic)) for _ in range(draw(_FEW))],
    }
    step, start = draw(_STEPS), draw(_STARTS)
    ids = [_IDS[(step * index + start) % len(_IDS)] for index in range(len(_IDS))]
    return {
        name: [_finished(_id, each) for _id, each in zip(ids, documents, strict=False)]
        for name, documents in drawn.items()
    }


@st.composite
def behaviours(draw: st.DrawFn) -> tuple[str, datetime, Dataset]:
    """(zone, now, data): the window of `now` mostly has a clock change of the zone."""
    zone, now = draw(st.sampled_from(ZONED_NOWS))
    return zone, now, draw(analytics(now, zone))


# ---------------------------------------------------------------- the fixed data set

_Make = Callable[..., dict[str, Any]]


def nasty_behaviour(now: datetime = NOW) -> Dataset:
    """A fixed data set with each trap at least once; comments give the right reading.

    A fresh copy at each call. `tests/test_oracle_behaviour.py` has the answers, counted by hand.
    """
    number = itertools.count(1)

    def event(event_type: object, **fields: Any) -> dict[str, Any]:
        """An event with the next higher id, by default an hour old."""
        document = {"event_type": event_type, "created_at": now - HOUR, **fields}
        return {"_id": oid(0xA0000 + next(number)), **document}

    def purchase(price: object, **fields: Any) -> dict[str, Any]:
        return event("purchase", price=price, **fields)

    return {
        "analytics_events": [
            *_nasty_times(now, event),
            *_nasty_prices(purchase),
            *_nasty_quantities(purchase),
            *_nasty_persons(event),
            *_nasty_sources(now, event),
            *_nasty_names(now, event),
            *_nasty_types(event),
            *_nasty_clicks(now, event),
        ],
        "products": _nasty_products(),
    }


def _nasty_times(now: datetime, event: _Make) -> list[dict[str, Any]]:
    """Address errors, of which seven are in the window; and purchases for the retention."""

    def at(created_at: object) -> dict[str, Any]:
        return event("address_error", created_at=created_at)

    return [
        at(now),  # both ends are included
        at(now - WEEK),
        at(now - MILLISECOND),
        at(now - WEEK + MILLISECOND),
        at(now - 3 * DAY),
        at(now - 3 * DAY - 12 * HOUR),
        at(now - 3 * DAY - 12 * HOUR),  # the same time twice
        at(now + MILLISECOND),  # the future
        at(now + 400 * DAY),
        at(now - WEEK - MILLISECOND),  # too old
        at(now - QUARTER),
        at(datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        *(at(far) for far in FAR_DATES),  # dates outside the years of datetime
        *(at(wrong) for wrong in _not_dates(now) if wrong is not _MISSING),  # not dates
        {"_id": oid(0xB0001), "event_type": "address_error"},  # without a date
        # A buyer with two purchases within 90 days, and one whose first purchase is older.
        event("purchase", user_id="old", created_at=now - QUARTER),
        event("purchase", user_id="old", created_at=now - WEEK - MILLISECOND),
        event("purchase", user_id="older", created_at=now - QUARTER - MILLISECOND),
        event("purchase", user_id="older", created_at=now - QUARTER + MILLISECOND),
        event("purchase", user_id="future", created_at=now + MILLISECOND),
    ]


def _nasty_prices(purchase: _Make) -> list[dict[str, Any]]:
    """Purchases of one unit without a person: 28 with a sum of 17.170004, 72 without a price."""
    readable = (
        *(1, "1", "+1", "1.", "1e0", ".1e1", Int64(1), Decimal128("1"), 1.0),  # 9
        *("0.5", ".5", Decimal128("0.5"), 0.5, "5e-1"),  # 2.5
        0.1 + 0.2,  # 0.3 at 15 digits, not 0.30000000000000004
        *("0.10", "0.2"),  # 0.3
        *("5.07", "-0.003", "0.003"),  # 5.07
        # Ties at the sixth place are rounded half to even: 0, 0.000002, 0.000002, 0.
        *("0.0000005", "0.0000015", Decimal128("0.0000025"), "-0.0000005"),
        # Below 1e12 as written, but not when rounded. The two cancel out.
        *("999999999999.9999999", "-999999999999.9999999"),
        *(10**12 - 1, -(10**12) + 1),
    )
    unreadable = (
        *(*_NON_NUMERIC_TEXTS, "1e12", "-1e12", "1e400", "1e-400", "0e400", "1e99999"),
        *(1e12, 10**12, -(10**12), Int64(2**63 - 1), 1e300, Decimal128("1E+12")),
        *(float("nan"), float("inf"), float("-inf")),
        *(Decimal128("NaN"), Decimal128("sNaN"), Decimal128("Infinity"), Decimal128("1E+6000")),
        *(value for value in _NOT_NUMBERS if value is not _MISSING),
    )
    return [purchase(price, product_slug="priced") for price in (*readable, *unreadable)]


_NOT_QUANTITIES: tuple[Any, ...] = ({"quantity": 3}, {}, Code("3"), Timestamp(3, 1))


def _nasty_quantities(purchase: _Make) -> list[dict[str, Any]]:
    """Purchases at 1000 per unit: valid quantities sum to 20; any other counts as one unit."""

    def of(metadata: object) -> dict[str, Any]:
        return purchase("1000", product_slug="counted", metadata=metadata)

    numbers: tuple[Any, ...] = (
        *(2, 2.7, Int64(2), Decimal128("2.9"), 10, 5),  # 23: truncated toward zero
        *(0, 0.9, -0.9, Decimal128("-0"), 5e-324, Decimal128("1E-6000")),  # 0
        *(-2, -1.5),  # returned: -3
    )
    return [
        *(of({"quantity": number}) for number in numbers),
        # The largest and the smallest quantity.
        *(of({"quantity": number}) for number in (10**12 - 1, -(10**12) + 1)),
        # One unit each: not a number, or out of range.
        *(of({"quantity": wrong}) for wrong in ("3", "abc", "", None, True, False, [3], NOW)),
        *(of({"quantity": wrong}) for wrong in (1e12, -1e12, Int64(2**40), Decimal128("1E+12"))),
        *(of({"quantity": float(wrong)}) for wrong in ("nan", "inf", "-inf")),
        *(of({"quantity": Decimal128(wrong)}) for wrong in ("NaN", "sNaN", "Infinity")),
        *(of({"quantity": wrong}) for wrong in _NOT_QUANTITIES),
        # One unit each: not a document, or one without the field.
        *(of(wrong) for wrong in (None, [], [{"quantity": 3}], "3", 3, {}, {"Quantity": 3})),
        # In BSON this is a document: three units.
        of(DBRef("metadata", 1, quantity=3)),
    ]


def _nasty_persons(event: _Make) -> list[dict[str, Any]]:
    """The persons p1 to p5 begin a checkout. p2, p4 and p5 buy."""
    return [
        event("begin_checkout", user_id="p1", session_id="n1"),
        event("begin_checkout", session_id="p2"),
        event(
            "begin_checkout", user_id="", session_id="p3"
        ),  # without a user the person is the session
        event("begin_checkout", user_id=None, session_id="p4"),
        event("begin_checkout", user_id=["p1"], session_id="p5"),
        event("begin_checkout", user_id="p1"),  # p1 again, without a session
        event("begin_checkout", user_id="", session_id=None),  # without a person
        event("begin_checkout", user_id=5, session_id=Code("p2")),  # without a person
        # In the session of p1, but by another user: p1 buys nothing.
        event("purchase", user_id="q1", session_id="n1"),
        # The user "p2" is the same person as the session "p2". Two purchases: recurrent.
        event("purchase", user_id="p2", session_id="n2"),
        event("purchase", user_id="p2", session_id="n3"),
        event("purchase", session_id="p4"),  # not a buyer, without a user
        event("purchase", user_id=Code("p1"), session_id="p5"),
        event("purchase", session_id="P3"),  # case counts
    ]


def _nasty_sources(now: datetime, event: _Make) -> list[dict[str, Any]]:
    """Sessions t1 to t10, in events of a type that nothing else counts."""

    def seen(session: str, minutes: int, **source: Any) -> dict[str, Any]:
        return event("scroll", session_id=session, created_at=now - minutes * MINUTE, **source)

    return [
        # Google: the later values are not sources.
        seen("t1", 9, source="instagram"),
        seen("t1", 8, source="google"),
        seen("t1", 7, source="direct"),
        seen("t1", 6, source=None),
        seen("t1", 5, source=""),
        seen("t1", 4, source=["facebook"]),
        seen("t1", 3, source=Code("facebook")),
        seen("t1", 2),
        # Google: of two events of one time, it has the higher id.
        seen("t2", 5, source="instagram"),
        seen("t2", 5, source="google"),
        # Instagram: it is later, although it has the lower id.
        seen("t3", 5, source="instagram"),
        seen("t3", 6, source="google"),
        # Direct: the other sources are too old or in the future.
        seen("t4", -1, source="google"),
        seen("t4", 5, source="direct"),
        event("scroll", session_id="t4", created_at=now - WEEK - MILLISECOND, source="google"),
        # Only the exact text "direct" is direct.
        seen("t5", 5, source="Direct"),
        seen("t6", 5, source="direct "),
        # "unknown" is a source like any other.
        seen("t7", 5, source="unknown"),
        # Without a source: direct.
        seen("t8", 5),
        # Exactly at the ends of the window.
        event("scroll", session_id="t9", created_at=now - WEEK, source="\uff9e"),
        event("scroll", session_id="t10", created_at=now, source="😀"),
        # Without a session, so its source does not count.
        event("scroll", source="facebook"),
    ]


def _nasty_names(now: datetime, event: _Make) -> list[dict[str, Any]]:
    """Views of the products of `_nasty_products`."""

    def named(slug: object, name: object, minutes: int = 60, **fields: Any) -> dict[str, Any]:
        return {
            **event("product_view", product_slug=slug, product_name=name, **fields),
            "created_at": now - minutes * MINUTE,
        }

    not_slugs: tuple[Any, ...] = (None, "", 5, ["catalogued"], Code("catalogued"), {})
    return [
        named(
            "catalogued", "not this one"
        ),  # "Of the catalogue", although the product is not active
        named("doubled", "not this one"),  # of two products the one with the lower id: "Lowest"
        # Of two products only the one with the lower id is read, and it has no name.
        named("nameless", "From the event"),
        # "Newest": newer names that are not texts do not count.
        named("evented", "older", 9),
        named("evented", "Newest", 8),
        named("evented", "", 7),
        named("evented", ["wrong"], 6),
        named("evented", Code("wrong"), 5),
        named("evented", "of the future", -1),
        # "Any type": an event of any type can have the name; of a tie, the higher id.
        named("scrolled", "tied"),
        {**named("scrolled", "Any type"), "event_type": "scroll"},
        named("bare", None),  # without any name: the slug
        named("arrayed", None),  # an array of slugs is not a slug
        # Without a slug: in no list of products.
        *(named(wrong, "x") for wrong in not_slugs),
    ]


def _nasty_products() -> list[dict[str, Any]]:
    def product(number: int, slug: object, name: object, **fields: Any) -> dict[str, Any]:
        return {"_id": oid(0xC0000 + number), "slug": slug, "name": name, **fields}

    return [
        product(1, "catalogued", "Of the catalogue", is_active=False),
        # The order of insertion is not the order of the ids.
        product(3, "doubled", "Higher", is_active=True),
        product(2, "doubled", "Lowest"),
        product(5, "nameless", "Higher", is_active=True),
        product(4, "nameless", ["Lowest"]),
        product(6, ["arrayed"], "In an array"),
        product(7, "", "Of no slug"),
        product(8, None, "Of no slug"),
        product(9, Code("bare"), "JavaScript"),
        product(10, "Bare", "Case counts"),
        {"_id": oid(0xC0000 + 11)},
    ]


def _nasty_types(event: _Make) -> list[dict[str, Any]]:
    """Only the last one is a payment error. All are of one session."""
    return [
        *(
            event(wrong, session_id="y1")
            for wrong in (
                *(None, "", 5, True, {}, {"$gt": ""}, ["payment_error"], Code("payment_error")),
                *("Payment_Error", "payment_error ", "payment-error", "$event_type", "a.b"),
                *(Regex("payment_error"), Binary(b"payment_error", 0), MinKey(), MaxKey(), "😀"),
            )
        ),
        event("payment_error", session_id="y1"),
    ]


def _nasty_clicks(now: datetime, event: _Make) -> list[dict[str, Any]]:
    """Clicks of twelve sessions: the list has ten, without the oldest, w11 and w12."""

    def click(session: object, minutes: int) -> dict[str, Any]:
        return event("whatsapp_cart_click", session_id=session, created_at=now - minutes * MINUTE)

    return [
        *(click(f"w{n}", 10 * n) for n in range(5, 13)),
        # The last click counts: w1 is the newest, despite its old click.
        click("w1", 1000),
        click("w1", 1),
        # Of one time, so ordered by session: by code point, ﾞ comes before 😀.
        *(click(session, 2) for session in ("😀", "a", "\uff9e")),
        *(click(wrong, 1) for wrong in (None, "", 5, ["w1"], Code("w1"))),  # without a session
        event("whatsapp_purchase", session_id="w1"),
        event("whatsapp_purchase", session_id="w1"),
        event("whatsapp_purchase"),
        # Newer, but not a click: not in the list.
        event("whatsapp_purchase", session_id="w12", created_at=now),
    ]
