"""The events dashboard report: events with their KPIs, and the tickets of these events."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from operator import attrgetter
from typing import Final

from exports.reports.columns import column
from exports.reports.report import Batch, Column, Kind, Sheet
from loaders.snapshot import Snapshot
from resolvers.event_stats import EventStats, listed_events
from resolvers.exports import EventsDashboardExport
from resolvers.tickets.listed import ListedTickets, listed_tickets

_EVENTS: Final = Sheet(
    "Events",
    "events",
    [
        column(EventStats, "ID", "event_id"),
        column(EventStats, "Title", "title", 40),
        column(EventStats, "Type", "event_type", 18),
        column(EventStats, "Date", "event_date"),
        column(EventStats, "Location", "location", 32),
        column(EventStats, "Capacity", "capacity"),
        column(EventStats, "Tickets Issued", "tickets_issued"),
        column(EventStats, "Available", "ticket_status.available"),
        column(EventStats, "Consumed", "ticket_status.consumed"),
        column(EventStats, "Expired", "ticket_status.expired"),
        column(EventStats, "Tickets Sold", "tickets_sold"),
        column(EventStats, "Tickets Promo", "tickets_promo"),
        column(EventStats, "Revenue (R$)", "revenue"),
        column(EventStats, "Orders (paid)", "orders_count"),
        column(EventStats, "Occupancy %", "occupancy_pct"),
        column(EventStats, "Active", "is_active").for_people(),
        column(EventStats, "Box Office", "is_sale_box_office").for_people(),
    ],
)
# The tickets' sheet shows title and date; tickets are counted to read them in batches.
_SELECTED: Final = frozenset(
    {"title", "event_date", "tickets_issued"}
    | {str(each.name).split(".")[0] for each in _EVENTS.columns}
)
_EVENT_VALUES: Final = attrgetter(*(str(each.name) for each in _EVENTS.columns))
_TICKETS: Final = Sheet(
    "Tickets",
    "tickets",
    [
        Column("Ticket ID", "ticket_id", Kind.TEXT),
        # JSON nests tickets in their event.
        Column("Event", None, Kind.TEXT, 40),
        Column("Event Date", None, Kind.DATE_TIME),
        Column("Customer ID", "customer_id", Kind.TEXT),
        Column("Status", "status", Kind.TEXT, 12),
        Column("Promo Code", "promo_code", Kind.TEXT, 16),
        Column("Order ID", "order_id", Kind.TEXT),
        Column("Created At", "created_at", Kind.DATE_TIME),
        Column("Consumed At", "consumed_at", Kind.DATE_TIME),
    ],
)
# Events of a batch.
_BATCH: Final = 250


class EventsDashboard:
    """The report; its first tickets are already read."""

    title = "Events dashboard"
    sheets = (_EVENTS, _TICKETS)

    def __init__(
        self,
        export: EventsDashboardExport,
        generated_at: datetime,
        events: Sequence[EventStats],
        tickets: AsyncGenerator[ListedTickets],
        first: ListedTickets | None,
    ) -> None:
        self.generated_at = generated_at
        self.filters = export.filters
        self._events = events
        self._tickets = tickets
        self._first = first

    async def expected(self) -> int:
        """The number of events and of issued tickets."""
        return len(self._events) + sum(event.tickets_issued for event in self._events)

    async def batches(self, sheet: Sheet) -> AsyncGenerator[Batch]:
        """Yields the rows of a sheet."""
        if sheet is _EVENTS:
            for start in range(0, len(self._events), _BATCH):
                rows = map(_EVENT_VALUES, self._events[start : start + _BATCH])
                yield Batch([*zip(*rows, strict=True)])
            return
        if self._first is not None:
            yield self._batch(self._first)
        async for tickets in self._tickets:
            yield self._batch(tickets)

    def _batch(self, tickets: ListedTickets) -> Batch:
        event_index, ids, *rest = tickets
        event = self._events[event_index]
        of_event = ([value] * len(ids) for value in (event.title, event.event_date))
        return Batch([ids, *of_event, *rest], event_index)


@asynccontextmanager
async def events_dashboard(
    export: EventsDashboardExport, snapshot: Snapshot, now: datetime
) -> AsyncIterator[EventsDashboard]:
    """Opens the report, and reads its first tickets: most errors occur before the first byte."""
    events = await listed_events(
        _SELECTED, snapshot, event_type=export.event_type, active_only=export.active_only
    )
    async with aclosing(listed_tickets(events, snapshot)) as tickets:
        first = await anext(tickets, None)
        yield EventsDashboard(export, now, [stats for _, stats in events], tickets, first)
