"""The oracle of `dashboardStats`: computes its answer from documents, by brute force.

It is written from the contract alone, never from the server, like `tests.oracle`. The day of an
event is the local date of its own time in the zone; no boundary of a day is ever computed. Sums
are exact, with one rounding at the end.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from tests.oracle import (
    TOO_BIG,
    Data,
    Document,
    clamped,
    decimal_of,
    fields_of,
    is_number,
    milliseconds_of,
    ratio,
    rounded,
    stats_id,
    text_of,
)

WINDOW = timedelta(days=7)
RETENTION = timedelta(days=90)

FUNNEL = {
    "productView": "product_view",
    "addToCart": "add_to_cart",
    "beginCheckout": "begin_checkout",
    "purchase": "purchase",
}
CHECKOUT = {
    "checkoutStarted": "checkout_started",
    "paymentInfoEntered": "payment_info_entered",
    "orderCompleted": "order_completed",
}
ERRORS = {
    "paymentError": "payment_error",
    "checkoutError": "checkout_error",
    "paymentConfirmationError": "payment_confirmation_error",
}
TIMELINE = FUNNEL | CHECKOUT
ERRORS_TIMELINE = ERRORS | {"addressError": "address_error"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NUMERIC_TEXT = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?[0-9]+))?")

# ---------------------------------------------------------------- reading one event


@dataclass(frozen=True)
class Event:
    """The values of one event document that the answer uses; the document has a valid date."""

    key: tuple[int, Any]  # sorts as BSON sorts the `_id`
    created_ms: int  # milliseconds since 1970
    type: str | None
    session: str | None
    user: str | None
    slug: str | None
    product_name: str | None
    source: str | None
    quantity: int
    price: Fraction

    @property
    def person(self) -> str | None:
        return self.session if self.user is None else self.user


def _events(data: Data) -> list[Event]:
    documents = data.get("analytics_events", ())
    return [
        _event(document, created_ms)
        for document in documents
        if (created_ms := milliseconds_of(document.get("created_at"))) is not None
    ]


def _event(document: Document, created_ms: int) -> Event:
    return Event(
        key=_id_key(document["_id"]),
        created_ms=created_ms,
        type=text_of(document.get("event_type")),
        session=text_of(document.get("session_id")),
        user=text_of(document.get("user_id")),
        slug=text_of(document.get("product_slug")),
        product_name=text_of(document.get("product_name")),
        source=text_of(document.get("source")),
        quantity=quantity_of(fields_of(document.get("metadata")).get("quantity")),
        price=price_of(document.get("price")),
    )


def _id_key(value: object) -> tuple[int, Any]:
    """A key that sorts as BSON does, for the two types of ids in tests: numbers, then ObjectIds."""
    if is_number(value):
        return 1, _number(value)
    assert isinstance(value, ObjectId), "the tests use no other ids"
    return 2, value.binary


def _number(value: object) -> Fraction | None:
    """The exact stored number; None if the value is not a finite number."""
    if isinstance(value, bool):
        return None
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    if isinstance(number, Decimal):
        return Fraction(number) if number.is_finite() else None
    if isinstance(number, int | float):
        return Fraction(number) if math.isfinite(number) else None
    return None


def quantity_of(value: object) -> int:
    """The units of a purchase: its quantity if that is a number, else 1."""
    number = _number(value)
    return 1 if number is None or abs(number) >= TOO_BIG else math.trunc(number)


def price_of(value: object) -> Fraction:
    """The price of one unit, rounded to 6 places; a numeric text counts as its number."""
    text = text_of(value)
    number = decimal_of(value) if text is None else _numeric_text(text)
    # A double just below 1e12 has 1e12 as its 15 digits.
    return round(number, 6) if abs(number) < TOO_BIG else Fraction(0)


def _numeric_text(text: str) -> Fraction:
    match = _NUMERIC_TEXT.fullmatch(text)
    if match is None:
        return Fraction(0)
    digits, exponent = Decimal(match[1]), int(match[2] or 0)
    # Checking the exponent first avoids computing 10 ** 999999999.
    first = digits.adjusted() + exponent
    if digits == 0 or first >= 12 or first < -7:
        return Fraction(0)
    return Fraction(digits) * Fraction(10) ** exponent


# ---------------------------------------------------------------- counting events


Events = Sequence[Event]
Counter = Callable[[Events], int]


def _since(events: Events, now: int, span: timedelta) -> Events:
    """The events of the window of this length that ends now; both ends are included."""
    start = now - span // _MILLISECOND
    return [event for event in events if start <= event.created_ms <= now]


def _of(events: Events, event_type: str) -> Events:
    return [event for event in events if event.type == event_type]


def _sessions(events: Events) -> set[str]:
    return {event.session for event in events if event.session is not None}


def _count_sessions(events: Events) -> int:
    return len(_sessions(events))


def _persons(events: Events) -> set[str]:
    return {event.person for event in events if event.person is not None}


def _units(events: Events) -> int:
    return sum(event.quantity for event in events)


def _by_slug(events: Events) -> dict[str, list[Event]]:
    groups: dict[str, list[Event]] = {}
    for event in events:
        if event.slug is not None:
            groups.setdefault(event.slug, []).append(event)
    return groups


def _percentage(above: int, below: int) -> float:
    return rounded(ratio(100 * above, below), 1)


# ---------------------------------------------------------------- days


@cache
def _zone(name: str) -> ZoneInfo:
    """The zone by the pinned tzdata: `ZoneInfo(name)` prefers the machine's own data."""
    try:
        with files("tzdata").joinpath("zoneinfo", name).open("rb") as stored:
            return ZoneInfo.from_file(stored, key=name)
    except OSError as error:
        raise ZoneInfoNotFoundError(name) from error


def _local_date(milliseconds: int, timezone: str) -> date:
    return (_EPOCH + milliseconds * _MILLISECOND).astimezone(_zone(timezone)).date()


@cache
def local_dates(start: datetime, end: datetime, timezone: str) -> tuple[date, ...]:
    """Every local date of the zone from `start` to `end`, both included.

    Checks every minute. So a date that the zone skipped is absent, and a date that lasted one
    minute, before the clocks went back over midnight, is present.
    """
    zone = _zone(timezone)
    seen = {end.astimezone(zone).date()}
    time = start
    while time <= end:
        seen.add(time.astimezone(zone).date())
        time += timedelta(minutes=1)
    return tuple(sorted(seen))


def _timeline(
    events: Events, days: Collection[date], columns: dict[str, str], timezone: str
) -> list[dict[str, Any]]:
    return [
        {
            "date": day.isoformat(),
            **{
                column: clamped(
                    sum(
                        1
                        for event in _of(events, event_type)
                        if _local_date(event.created_ms, timezone) == day
                    )
                )
                for column, event_type in columns.items()
            },
        }
        for day in days
    ]


# ---------------------------------------------------------------- the answer


def dashboard_stats(data: Data, *, mode: str, timezone: str, now: datetime) -> dict[str, Any]:
    """GraphQL's JSON of every field of DashboardStats; raises for an unknown zone."""
    assert mode in {"TOTAL", "UNIQUE"}
    now_ms = milliseconds_of(now)
    assert now_ms is not None
    end = _EPOCH + now_ms * _MILLISECOND
    start = end - WINDOW
    everything = _events(data)
    events = _since(everything, now_ms, WINDOW)
    days = local_dates(start, end, timezone)
    purchases = _of(events, "purchase")
    revenue = sum((event.price * event.quantity for event in purchases), Fraction(0))
    counted: Counter = len if mode == "TOTAL" else _count_sessions
    funnel = {column: counted(_of(events, event_type)) for column, event_type in FUNNEL.items()}
    checkout = {column: len(_of(events, event_type)) for column, event_type in CHECKOUT.items()}
    started, entered, completed = checkout.values()
    beginners = _persons(_of(events, "begin_checkout"))
    lost = beginners - _persons(purchases)
    timeline = _timeline(events, days, TIMELINE, timezone)
    return {
        "id": stats_id("DashboardStats", mode=mode, timezone=timezone),
        "mode": mode,
        "windowStart": start.isoformat(timespec="milliseconds"),
        "windowEnd": end.isoformat(timespec="milliseconds"),
        "totalSales": clamped(len(purchases)),
        "totalRevenue": rounded(revenue, 2),
        "averageOrderValue": rounded(ratio(revenue, len(purchases)), 2),
        "topProducts": _top_products(purchases, _units),
        "topViewedProducts": _top_products(_of(events, "product_view"), counted),
        "salesByDay": [
            {"date": line["date"], "count": line["purchase"]}
            for line in timeline
            if line["purchase"] > 0
        ],
        "eventsTimeline": timeline,
        "abandonmentRate": _percentage(len(lost), len(beginners)),
        "eventCounts": {column: clamped(count) for column, count in funnel.items()},
        "conversionRates": {
            "visitToCart": _percentage(funnel["addToCart"], funnel["productView"]),
            "cartToCheckout": _percentage(funnel["beginCheckout"], funnel["addToCart"]),
            "checkoutToPurchase": _percentage(funnel["purchase"], funnel["beginCheckout"]),
        },
        "checkoutStartedCount": clamped(started),
        "paymentInfoEnteredCount": clamped(entered),
        "orderCompletedCount": clamped(completed),
        "conversionCheckoutToPayment": _percentage(entered, started),
        "conversionPaymentToOrder": _percentage(completed, entered),
        "errorCounts": {
            column: clamped(len(_of(events, event_type))) for column, event_type in ERRORS.items()
        },
        "productPerformance": _product_performance(data, events, mode, counted),
        "errorsTimeline": _timeline(events, days, ERRORS_TIMELINE, timezone),
        "sessionStats": {
            "uniqueSessions": clamped(_count_sessions(events)),
            "avgEventsPerSession": rounded(
                ratio(
                    sum(1 for event in events if event.session is not None),
                    _count_sessions(events),
                ),
                1,
            ),
            "sessionsWithPurchase": clamped(_count_sessions(purchases)),
        },
        "retentionMetrics": _retention(_since(everything, now_ms, RETENTION)),
        "trafficSources": _traffic_sources(events),
        "whatsappSessions": clamped(_count_sessions(_of(events, "whatsapp_cart_click"))),
        "whatsappPurchases": clamped(_count_sessions(_of(events, "whatsapp_purchase"))),
        "whatsappSessionsList": _last_clickers(_of(events, "whatsapp_cart_click")),
    }


def _top_products(events: Events, counted: Counter) -> list[dict[str, Any]]:
    counts = {slug: counted(members) for slug, members in _by_slug(events).items()}
    # Sorted by the real counts: the shown ones are clamped to Int.
    order = sorted(counts, key=lambda slug: (-counts[slug], slug))
    return [{"slug": slug, "count": clamped(counts[slug])} for slug in order if counts[slug] > 0][
        :5
    ]


def _product_performance(
    data: Data, events: Events, mode: str, counted: Counter
) -> list[dict[str, Any]]:
    shown = [e for e in events if e.type in {"product_view", "add_to_cart", "purchase"}]
    rows: list[tuple[tuple[int, str], dict[str, Any]]] = []
    for slug, members in _by_slug(shown).items():
        views = counted(_of(members, "product_view"))
        bought = _of(members, "purchase")
        units = _units(bought)
        purchases = units if mode == "TOTAL" else _count_sessions(bought)
        row = {
            "slug": slug,
            "name": _name(data, events, slug),
            "views": clamped(views),
            "addToCart": clamped(counted(_of(members, "add_to_cart"))),
            "purchases": clamped(purchases),
            "purchasesUnits": None if mode == "TOTAL" else clamped(units),
            "conversionRate": _percentage(purchases, views),
        }
        rows.append(((-views, slug), row))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])[:10]]


def _name(data: Data, events: Events, slug: str) -> str:
    """The name in the catalogue, else that of the newest event with a name, else the slug."""
    entries = [entry for entry in data.get("products", ()) if text_of(entry.get("slug")) == slug]
    if entries:
        name = text_of(min(entries, key=lambda entry: _id_key(entry["_id"])).get("name"))
        if name is not None:
            return name
    newest = _newest(e for e in events if e.slug == slug and e.product_name is not None)
    return slug if newest is None or newest.product_name is None else newest.product_name


def _newest(events: Iterable[Event]) -> Event | None:
    return max(events, key=lambda event: (event.created_ms, event.key), default=None)


def _retention(events: Events) -> dict[str, Any]:
    purchases: dict[str, int] = {}
    for event in _of(events, "purchase"):
        if event.user is not None:
            purchases[event.user] = purchases.get(event.user, 0) + 1
    recurrent = sum(1 for count in purchases.values() if count >= 2)
    return {
        "repurchaseRate": _percentage(recurrent, len(purchases)),
        "recurrentCustomers": clamped(recurrent),
        "totalUniqueBuyers": clamped(len(purchases)),
        "periodDays": 90,
    }


def _traffic_sources(events: Events) -> list[dict[str, Any]]:
    sources: dict[str, int] = {}
    for session in _sessions(events):
        last = _newest(
            e for e in events if e.session == session and e.source not in {None, "direct"}
        )
        source = "direct" if last is None or last.source is None else last.source
        sources[source] = sources.get(source, 0) + 1
    return [
        {"source": source, "sessions": clamped(count)}
        for source, count in sorted(sources.items(), key=lambda item: (-item[1], item[0]))
    ]


def _last_clickers(clicks: Events) -> list[str]:
    last = {
        session: max(click.created_ms for click in clicks if click.session == session)
        for session in _sessions(clicks)
    }
    return sorted(last, key=lambda session: (-last[session], session))[:10]
