"""`eventStats` and `event`: events with their tickets, orders and occupancy."""

import asyncio
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from cubes.cells import Cells
from cubes.cube import Slice
from cubes.declared.events import EVENT_ROWS, EVENTS
from cubes.declared.orders import ORDERS
from cubes.declared.tickets import TICKETS
from cubes.keys import key_of
from cubes.rows import Lookup, Order, Page
from loaders.computing import computed
from loaders.loader import Loader
from resolvers.arguments import object_id, text, within
from resolvers.events_overview import ADMIN, PROMO, SOLD
from resolvers.kpi.declarations import Kpi, column, kpi, optional_column, parts
from resolvers.kpi.identity import identity
from resolvers.kpi.rounding import count
from resolvers.kpi.stats import Rows, Stats, kpis, slices_of
from resolvers.kpi.terms import column_of, total
from resolvers.kpi.units import COUNT, DATE_TIME, FLAG, ID, MONEY, PERCENTAGE, TEXT
from resolvers.kpi.values import described, value
from resolvers.stored_values import date_time, key

LIMIT_MAX: Final = 500
NEWEST_FIRST: Final = Order("event_date", descending=True)

_TICKETS: Final = total(TICKETS, "tickets")


@value
class TicketStatusCounts:
    """Tickets by status. A ticket of any other status only counts as issued."""

    available: int = described("Tickets that are not used yet.", COUNT)
    consumed: int = described("Tickets that were used at the door.", COUNT)
    expired: int = described("Tickets that can't be used any more.", COUNT)


class EventStats(Stats, table=EVENT_ROWS, key="event"):
    """An event and its KPIs, over its tickets and orders.

    Deleted tickets do not count. Money is in major units.
    """

    id = identity("the event's ObjectId")
    event_id = column(ID, "The event's ObjectId.", "_id", read=key)
    title = column(TEXT, "The title; empty if the event has none.", "title", sortable=True)
    event_type = column(TEXT, "The type's key; `unknown` without a type.", "event_type")
    event_date = optional_column(
        DATE_TIME, "The date; null if the event has none.", "event_date", read=date_time,
        sortable=True,
    )  # fmt: skip
    location = column(TEXT, "The place; empty if the event has none.", "location")
    capacity = column(COUNT, "The most tickets that there may be; 0 = no limit.", "capacity",
                      read=count)  # fmt: skip
    is_active = column(FLAG, "Whether the event is marked active.", "is_active")
    is_sale_box_office = column(
        FLAG, "Whether tickets are sold at the box office, too.", "is_sale_box_office"
    )
    tickets_issued = kpi(
        COUNT, "Tickets of the event: sold + promo + admin.", _TICKETS, sortable=True
    )
    tickets_sold = kpi(COUNT, SOLD, total(TICKETS, "sold"), sortable=True)
    tickets_promo = kpi(COUNT, PROMO, total(TICKETS, "promo"))
    tickets_admin = kpi(COUNT, ADMIN, total(TICKETS, "admin"))
    ticket_status = parts(
        TicketStatusCounts,
        "The event's tickets by status.",
        {status: total(TICKETS, status) for status in ("available", "consumed", "expired")},
    )
    revenue = kpi(
        MONEY, "The amount of the event's paid orders.", total(ORDERS, "paid_cents"), sortable=True
    )
    orders_count = kpi(
        COUNT, "The event's paid orders.", total(ORDERS, "paid_orders"), sortable=True
    )
    occupancy_pct = kpi(
        PERCENTAGE,
        "ticketsIssued / capacity × 100; 0 without a capacity. It may pass 100.",
        _TICKETS / column_of("capacity"),
        sortable=True,
    )


@value
class EventStatsPage:
    """A page of events."""

    total: int = described("The number of matching events, on all pages together.", COUNT)
    events: list[EventStats] = described("The events of this page, in order.")


def order_by(field: str, *, descending: bool) -> Order:
    """The order by a sortable KPI of `EventStats`."""
    return Order(field, descending)


async def event_stats(
    selected: Collection[str] | None,
    loader: Loader,
    *,
    page: int,
    limit: int,
    event_type: str | None = None,
    active_only: bool = False,
    order: Order = NEWEST_FIRST,
    with_total: bool = True,
    values: Mapping[str, Any] | None = None,
    limit_max: int = LIMIT_MAX,
) -> EventStatsPage:
    """A page of the matching events, in an order over all of them.

    `selected` are KPIs of `EventStats`, or None if no events are wanted; without `with_total`,
    `total` is 0. `values` are those that slices of KPIs carry, by name. Raises `BadUserInput` for a
    page or limit out of range.
    """
    within("page", page, 0)
    within("limit", limit, 1, limit_max)
    where = _where(event_type, active_only)
    all_events = EVENTS.slice(*where, measures=["events"])
    if selected is None:
        return EventStatsPage(_matching(await loader.load(all_events), where), [])

    # A KPI is not in the documents: all matching events are read, and ordered here.
    ordered_here = order.column not in EVENT_ROWS.columns
    needed = kpis(EventStats, {*selected, order.column} if ordered_here else selected)
    slices = slices_of(needed)
    wanted = Page(EVENT_ROWS, _columns(needed), tuple(where.items()))
    first = page * limit
    if not ordered_here:
        wanted = replace(wanted, order=order, skip=first, limit=limit)
    reading = loader.load(wanted)

    async def counted() -> tuple[int, Mapping[Hashable, Cells]]:
        if not (with_total or slices):
            return 0, {}
        events = await loader.load(all_events)
        matching = _matching(events, where)
        # If the page has at least half of all events, their numbers are counted without a filter by
        # id, beside the read of the page. Else they wait for its ids.
        shown = matching if ordered_here else min(limit, max(0, matching - first))
        if not shown:
            return matching, {}
        ids = None
        if 2 * shown < events.sum("events"):
            ids = [row["_id"] for row in await reading] if slices else []
        return matching, await _cells(slices, loader, ids, values)

    documents, (matching, cells) = await asyncio.gather(reading, counted())

    def shown_rows() -> list[EventStats]:
        rows = Rows(EventStats, documents, cells)
        if ordered_here:
            rows = rows.page(
                order.column, descending=order.descending, start=first, stop=first + limit
            )
        return rows.made(selected)

    size = len(documents) + sum(each.size for each in cells.values())
    return EventStatsPage(matching if with_total else 0, await computed(size, shown_rows))


async def event(
    selected: Collection[str],
    loader: Loader,
    *,
    id: str,
    values: Mapping[str, Any] | None = None,
) -> EventStats | None:
    """One event; None if there is none of that id. Raises `BadUserInput` for a malformed id.

    `values` are those that slices of KPIs carry, by name.
    """
    wanted = object_id("id", id)
    needed = kpis(EventStats, selected)
    found, cells = await asyncio.gather(
        loader.load(Lookup(EVENT_ROWS, _columns(needed), frozenset({wanted}))),
        _cells(slices_of(needed), loader, [wanted], values),
    )
    rows = Rows(EventStats, [*found.values()], cells).made(selected)
    return rows[0] if rows else None


async def listed_events(
    selected: Collection[str], loader: Loader, *, event_type: str | None, active_only: bool
) -> Sequence[tuple[Hashable, EventStats]]:
    """(key, event with the selected KPIs) of all matching events, newest first."""
    where = tuple(_where(event_type, active_only).items())
    needed = kpis(EventStats, selected)
    documents, cells = await asyncio.gather(
        loader.load(Page(EVENT_ROWS, _columns(needed), where, NEWEST_FIRST)),
        _cells(slices_of(needed), loader),
    )
    keys = [key_of(document["_id"]) for document in documents]
    rows = Rows(EventStats, documents, cells).made(selected)
    return [*zip(keys, rows, strict=True)]


def _where(event_type: str | None, active_only: bool) -> dict[str, Any]:
    where: dict[str, Any] = {}
    if event_type is not None:
        where["event_type"] = text("eventType", event_type)
    if active_only:
        where["is_active"] = True
    return where


def _matching(events: Cells, where: Mapping[str, Any]) -> int:
    return count(events.sum("events", **{name: [value] for name, value in where.items()}))


def _columns(needed: Collection[Kpi[Any]]) -> frozenset[str]:
    return frozenset().union(*(each.columns for each in needed)) - {"_id"}


async def _cells(
    slices: Mapping[Hashable, Slice],
    loader: Loader,
    ids: Collection[Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> Mapping[Hashable, Cells]:
    """The cells by event, of all events or of some."""
    by_event = [
        one.with_dimensions(EventStats.key).with_values(values or {}) for one in slices.values()
    ]
    if ids is not None:
        by_event = [one.only(EventStats.key, ids) for one in by_event]
    return dict(zip(slices, await asyncio.gather(*map(loader.load, by_event)), strict=True))
