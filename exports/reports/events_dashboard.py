"""The events dashboard report: events with their KPIs, and the tickets of these events."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any, Final

from exports.reports.report import Batch, Column, Kind, Sheet
from loaders.snapshot import Snapshot
from resolvers.event_stats import EventStats, listed_events
from resolvers.exports import EventsDashboardExport
from resolvers.tickets.listed import ListedTickets, listed_tickets

_EVENTS: Final = Sheet(
    "Events",
    "events",
    [
        Column("ID", "event_id", Kind.TEXT),
        Column("Title", "title", Kind.TEXT, 40),
        Column("Type", "event_type", Kind.TEXT, 18),
        Column("Date", "event_date", Kind.DATE_TIME),
        Column("Location", "location", Kind.TEXT, 32),
        Column("Capacity", "capacity", Kind.INTEGER),
        Column("Tickets Issued", "tickets_issued", Kind.INTEGER),
        Column("Available", "ticket_status.available", Kind.INTEGER),
        Column("Consumed", "ticket_status.consumed", Kind.INTEGER),
        Column("Expired", "ticket_status.expired", Kind.INTEGER),
        Column("Tickets Sold", "tickets_sold", Kind.INTEGER),
        Column("Tickets Promo", "tickets_promo", Kind.INTEGER),
        Column("Revenue (R$)", "revenue", Kind.MONEY),
        Column("Orders (paid)", "orders_count", Kind.INTEGER),
        Column("Occupancy %", "occupancy_pct", Kind.PERCENTAGE),
        Column("Active", "is_active", Kind.YES_NO),
        Column("Box Office", "is_sale_box_office", Kind.YES_NO),
    ],
)
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
                rows = map(_row, self._events[start : start + _BATCH])
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
        snapshot, event_type=export.event_type, active_only=export.active_only
    )
    async with aclosing(listed_tickets(events, snapshot)) as tickets:
        first = await anext(tickets, None)
        yield EventsDashboard(export, now, [stats for _, stats in events], tickets, first)


def _row(event: EventStats) -> Sequence[Any]:
    status = event.ticket_status
    return (
        event.event_id, event.title, event.event_type, event.event_date, event.location,
        event.capacity, event.tickets_issued, status.available, status.consumed, status.expired,
        event.tickets_sold, event.tickets_promo, event.revenue, event.orders_count,
        event.occupancy_pct, event.is_active, event.is_sale_box_office,
    )  # fmt: skip
