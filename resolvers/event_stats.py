"""EventStats: per event its tickets, orders and occupancy (events-dashboard, section 2)."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from operator import attrgetter
from typing import Any, Final

from cubes.cube import Cells, Cube, Slice, by_cube
from cubes.declared.events import EVENT_ROWS, EVENTS
from cubes.declared.orders import ORDERS
from cubes.declared.tickets import TICKETS
from cubes.keys import key_of
from cubes.rows import Lookup, Order, Page, Row
from loaders.loader import Aggregations
from resolvers import stored_values as stored
from resolvers.arguments import object_id, text, within
from resolvers.rounding import count, money, percentage

LIMIT_MAX: Final = 500
NEWEST_FIRST: Final = Order("event_date", descending=True)


def _tickets(*measures: str) -> Slice:
    return TICKETS.slice("event", measures=measures)


# Which slice a field is folded from; a field that is not here is a column of the event's row.
_SLICES: Final[Mapping[str, Slice]] = {
    "tickets_issued": _tickets("tickets"),
    "tickets_sold": _tickets("sold"),
    "tickets_promo": _tickets("promo"),
    "tickets_admin": _tickets("admin"),
    "ticket_status": _tickets("available", "consumed", "expired"),
    "occupancy_pct": _tickets("tickets"),
    "orders_count": ORDERS.slice("event", measures=["paid_orders"]),
    "revenue": ORDERS.slice("event", measures=["paid_cents"]),
}


# Frozen ones take two thirds longer to make, and a page has hundreds of these two.
@dataclass(slots=True)
class TicketStatusCounts:
    """Tickets by status; those of any other status are in none."""

    available: int
    consumed: int
    expired: int


@dataclass(slots=True)
class EventStats:
    """An event and its KPIs. What was not selected has the value it would have without data."""

    event_id: str
    title: str
    event_type: str
    event_date: datetime | None
    location: str
    capacity: int
    is_active: bool
    is_sale_box_office: bool
    tickets_issued: int
    tickets_sold: int
    tickets_promo: int
    tickets_admin: int
    ticket_status: TicketStatusCounts
    revenue: float
    orders_count: int
    occupancy_pct: float


@dataclass(frozen=True, slots=True)
class EventStatsPage:
    """How many events match, and the page of them that was asked for."""

    total: int
    events: Sequence[EventStats]


_SHOWN: Final = frozenset(EVENT_ROWS.columns)


_Numbers = dict[str, int | Fraction]
"""Measure → an event's sum of it."""


def order_by(field: str, direction: str) -> Order:
    """The order by a field of `EventStats`, `asc` or `desc`."""
    return Order(field, descending=direction == "desc")


async def event_stats(
    selected: Collection[str] | None,
    aggregations: Aggregations,
    *,
    page: int,
    limit: int,
    event_type: str | None = None,
    active_only: bool = False,
    order: Order = NEWEST_FIRST,
    with_total: bool = True,
) -> EventStatsPage:
    """A page of the matching events, in an order over all of them.

    `selected` are fields of `EventStats`, or None if no events are asked for; without
    `with_total`, `total` is 0. Raises `BadUserInput` for a page or limit out of range.
    """
    within("page", page, 0)
    within("limit", limit, 1, LIMIT_MAX)
    where = _where(event_type, active_only)
    # How many events there are also tells whether a page holds most of the tickets.
    census = EVENTS.slice(*where, measures=["events"])
    if selected is None:
        return EventStatsPage(_matching(await aggregations.load(census), where), ())

    ordered_here = order.column not in _SHOWN
    fields = {*selected, order.column} if ordered_here else {*selected}
    slices = by_cube(_SLICES[name] for name in fields if name in _SLICES)
    stretch = Page(EVENT_ROWS, _columns(fields), tuple(where.items()))
    if not ordered_here:
        stretch = replace(stretch, order=order, skip=page * limit, limit=limit)

    loading = aggregations.load(stretch)

    async def counted() -> tuple[int, Mapping[Hashable, _Numbers]]:
        events = await (aggregations.load(census) if with_total or slices else _nothing())
        total = _matching(events, where)
        # How many are shown is known before they are: numbers of most need not wait for them.
        shown = total if ordered_here else min(limit, max(0, total - page * limit))
        needed = slices if shown else {}
        if 2 * shown < events.sum("events"):
            ids = [row["_id"] for row in await loading] if needed else []
            needed = {cube: needs.only("event", ids) for cube, needs in needed.items()}
        return total, await _numbers(needed, aggregations)

    rows, (total, numbers) = await asyncio.gather(loading, counted())
    stats = [_stats(row, numbers) for row in rows]
    if ordered_here:
        stats.sort(key=attrgetter(order.column), reverse=order.descending)
        stats = stats[page * limit : (page + 1) * limit]
    return EventStatsPage(total if with_total else 0, stats)


async def listed_events(
    aggregations: Aggregations, *, event_type: str | None, active_only: bool
) -> Sequence[tuple[Hashable, EventStats]]:
    """All matching events, each with its key, newest first."""
    where = tuple(_where(event_type, active_only).items())
    rows, numbers = await asyncio.gather(
        aggregations.load(Page(EVENT_ROWS, _SHOWN, where, NEWEST_FIRST)),
        _numbers(by_cube(_SLICES.values()), aggregations),
    )
    return [(key_of(row["_id"]), _stats(row, numbers)) for row in rows]


def _where(event_type: str | None, active_only: bool) -> dict[str, Any]:
    where: dict[str, Any] = {}
    if event_type is not None:
        where["event_type"] = text("eventType", event_type)
    if active_only:
        where["is_active"] = True
    return where


async def event(
    selected: Collection[str], aggregations: Aggregations, *, id: str
) -> EventStats | None:
    """One event; None if there is none of that id. Raises `BadUserInput` for what is no id."""
    wanted = object_id("id", id)
    slices = by_cube(_SLICES[name].only("event", [wanted]) for name in selected if name in _SLICES)
    rows, numbers = await asyncio.gather(
        aggregations.load(Lookup(EVENT_ROWS, _columns(selected), frozenset({wanted}))),
        _numbers(slices, aggregations),
    )
    return _stats(rows[wanted], numbers) if wanted in rows else None


async def _nothing() -> Cells:
    return Cells(())


def _matching(events: Cells, where: Mapping[str, Any]) -> int:
    return count(events.sum("events", **{column: {value} for column, value in where.items()}))


def _columns(selected: Collection[str]) -> frozenset[str]:
    needed = {"capacity"} if "occupancy_pct" in selected else set()
    return _SHOWN & {*selected, *needed}


async def _numbers(
    slices: Mapping[Cube, Slice], aggregations: Aggregations
) -> Mapping[Hashable, _Numbers]:
    """Each event's numbers."""
    numbers: dict[Hashable, _Numbers] = {}
    found = await asyncio.gather(*map(aggregations.load, slices.values()))
    for needs, cells in zip(slices.values(), found, strict=True):
        for event, of_event in cells.totals("event", needs.measures).items():
            numbers[event] = of_event | numbers[event] if event in numbers else of_event
    return numbers


def _stats(row: Row, numbers: Mapping[Hashable, _Numbers]) -> EventStats:
    of = defaultdict(int, numbers.get(key_of(row["_id"]), {}))
    capacity, date = row.get("capacity", 0), row.get("event_date")
    return EventStats(
        event_id=stored.key(row["_id"]),
        title=row.get("title", ""),
        event_type=row.get("event_type", ""),
        # A year beyond 9999 is a date that Python, and ISO 8601's four digits, can't show.
        event_date=date if isinstance(date, datetime) else None,
        location=row.get("location", ""),
        capacity=count(capacity),
        is_active=row.get("is_active", False),
        is_sale_box_office=row.get("is_sale_box_office", False),
        tickets_issued=count(of["tickets"]),
        tickets_sold=count(of["sold"]),
        tickets_promo=count(of["promo"]),
        tickets_admin=count(of["admin"]),
        ticket_status=TicketStatusCounts(
            available=count(of["available"]),
            consumed=count(of["consumed"]),
            expired=count(of["expired"]),
        ),
        revenue=money(of["paid_cents"]),
        orders_count=count(of["paid_orders"]),
        occupancy_pct=percentage(of["tickets"], capacity),
    )
