"""The ticket report: each field of `TicketReportRow` but `id` is a column."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Final

from pydantic.alias_generators import to_camel

from auth.scope import Scope
from exports.reports.columns import column
from exports.reports.report import Batch, Sheet
from loaders.read_ahead import read_ahead
from loaders.snapshot import Snapshot
from resolvers.exports import TicketReportExport
from resolvers.tickets.report import EventTickets
from resolvers.tickets.row import COLUMNS, TicketReportRow

_COLUMNS: Final = [
    replace(column(TicketReportRow, to_camel(name), name), name=to_camel(name)) for name in COLUMNS
]
_SHEET: Final = Sheet("Tickets", "result", _COLUMNS)
_VALUES: Final = attrgetter(*COLUMNS)


class TicketReportFile:
    """The report; its first tickets are already read."""

    title = "Ticket report"
    sheets = (_SHEET,)

    def __init__(
        self,
        export: TicketReportExport,
        generated_at: datetime,
        event_tickets: EventTickets,
        tickets: AsyncGenerator[Sequence[TicketReportRow]],
        first: Sequence[TicketReportRow],
    ) -> None:
        self.generated_at = generated_at
        self.filters = {"eventId": export.event_id, **export.filters}
        self._event_tickets = event_tickets
        self._tickets = tickets
        self._first = first
        self.rows = 0
        """The number of rows so far."""

    async def expected(self) -> int:
        """The number of tickets, by a query of its own."""
        return await self._event_tickets.count()

    async def batches(self, _: Sheet) -> AsyncGenerator[Batch]:
        """Yields the rows."""
        if self._first:
            self.rows += len(self._first)
            yield _batch(self._first)
        async for tickets in self._tickets:
            self.rows += len(tickets)
            yield _batch(tickets)


def _batch(rows: Sequence[TicketReportRow]) -> Batch:
    return Batch([*zip(*map(_VALUES, rows), strict=True)])


@asynccontextmanager
async def ticket_report(
    export: TicketReportExport, scope: Scope, snapshot: Snapshot, now: datetime
) -> AsyncIterator[TicketReportFile]:
    """Opens the report, and reads its first tickets: most errors occur before the first byte.

    Raises the errors of `EventTickets.of`.
    """
    event_tickets = await EventTickets.of(
        export.event_id, export.mobile_app_id, export.tickets, scope, snapshot
    )
    async with aclosing(read_ahead(event_tickets.rows())) as tickets:
        first = await anext(tickets, None) or ()
        yield TicketReportFile(export, now, event_tickets, tickets, first)
