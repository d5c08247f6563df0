"""The events dashboard as a file: events with KPIs, and their tickets (events-dashboard, 5)."""

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
        Column("Date", "event_date", Kind.MOMENT),
        Column("Location", "location", Kind.TEXT, 32),
        Column("Capacity", "capacity", Kind.WHOLE),
        Column("Tickets Issued", "tickets_issued", Kind.WHOLE),
        Column("Available", "ticket_status.available", Kind.WHOLE),
        Column("Consumed", "ticket_status.consumed", Kind.WHOLE),
        Column("Expired", "ticket_status.expired", Kind.WHOLE),
        Column("Tickets Sold", "tickets_sold", Kind.WHOLE),
        Column("Tickets Promo", "tickets_promo", Kind.WHOLE),
        Column("Revenue (R$)", "revenue", Kind.MONEY),
        Column("Orders (paid)", "orders_count", Kind.WHOLE),
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
        # In JSON the event is around them.
        Column("Event", None, Kind.TEXT, 40),
        Column("Event Date", None, Kind.MOMENT),
        Column("Customer ID", "customer_id", Kind.TEXT),
        Column("Status", "status", Kind.TEXT, 12),
        Column("Promo Code", "promo_code", Kind.TEXT, 16),
        Column("Order ID", "order_id", Kind.TEXT),
        Column("Created At", "created_at", Kind.MOMENT),
        Column("Consumed At", "consumed_at", Kind.MOMENT),
    ],
)
# Events that are formatted at once.
_BATCH: Final = 250


class EventsDashboard:
    """The report, whose first tickets are read already."""

    title = "Events dashboard"
    sheets = (_EVENTS, _TICKETS)

    def __init__(
        self,
        asked: EventsDashboardExport,
        generated_at: datetime,
        events: Sequence[EventStats],
        tickets: AsyncGenerator[ListedTickets],
        first: ListedTickets | None,
    ) -> None:
        self.generated_at = generated_at
        self.filters = asked.filters
        self._events = events
        self._tickets = tickets
        self._first = first

    async def expected(self) -> int:
        """Events, and tickets as these count them."""
        return len(self._events) + sum(event.tickets_issued for event in self._events)

    async def batches(self, sheet: Sheet) -> AsyncGenerator[Batch]:
        """The rows of a sheet, each of them once."""
        if sheet is _EVENTS:
            for place in range(0, len(self._events), _BATCH):
                rows = map(_row, self._events[place : place + _BATCH])
                yield Batch([*zip(*rows, strict=True)])
            return
        if self._first is not None:
            yield self._batch(self._first)
        async for tickets in self._tickets:
            yield self._batch(tickets)

    def _batch(self, tickets: ListedTickets) -> Batch:
        place, ids, *rest = tickets
        event = self._events[place]
        of_event = ([value] * len(ids) for value in (event.title, event.event_date))
        return Batch([ids, *of_event, *rest], place)


@asynccontextmanager
async def events_dashboard(
    asked: EventsDashboardExport, snapshot: Snapshot, now: datetime
) -> AsyncIterator[EventsDashboard]:
    """The report, whose first tickets are read already: what can fail has failed before."""
    events = await listed_events(
        snapshot, event_type=asked.event_type, active_only=asked.active_only
    )
    async with aclosing(listed_tickets(events, snapshot)) as tickets:
        first = await anext(tickets, None)
        yield EventsDashboard(asked, now, [stats for _, stats in events], tickets, first)


def _row(event: EventStats) -> Sequence[Any]:
    status = event.ticket_status
    return (
        event.event_id, event.title, event.event_type, event.event_date, event.location,
        event.capacity, event.tickets_issued, status.available, status.consumed, status.expired,
        event.tickets_sold, event.tickets_promo, event.revenue, event.orders_count,
        event.occupancy_pct, event.is_active, event.is_sale_box_office,
    )  # fmt: skip
