"""The ticket report as a file: every field of its rows is a column."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import date, datetime
from operator import attrgetter
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

from pydantic.alias_generators import to_camel

from auth.scope import Scope
from exports.reports.report import Batch, Column, Kind, Sheet
from loaders.read_ahead import read_ahead
from loaders.snapshot import Snapshot
from resolvers.exports import TicketReportExport
from resolvers.tickets.report import EventTickets
from resolvers.tickets.row import TicketReportRow

_KINDS: Final = {
    str: Kind.TEXT, datetime: Kind.MOMENT, date: Kind.DAY, bool: Kind.FLAG, int: Kind.WHOLE,
}  # fmt: skip


def _kind(type_: Any) -> Kind:
    (held,) = [each for each in get_args(type_) or (type_,) if each is not NoneType]
    return _KINDS.get(held, Kind.NESTED)


_FIELDS: Final = get_type_hints(TicketReportRow)
_SHEET: Final = Sheet(
    "Tickets",
    "result",
    [Column(to_camel(name), to_camel(name), _kind(type_)) for name, type_ in _FIELDS.items()],
)
_VALUES: Final = attrgetter(*_FIELDS)


class TicketReportFile:
    """The report, whose first tickets are read already."""

    title = "Ticket report"
    sheets = (_SHEET,)

    def __init__(
        self,
        asked: TicketReportExport,
        generated_at: datetime,
        found: EventTickets,
        tickets: AsyncGenerator[Sequence[TicketReportRow]],
        first: Sequence[TicketReportRow],
    ) -> None:
        self.generated_at = generated_at
        self.filters = {"eventId": asked.event_id, **asked.filters}
        self._found = found
        self._tickets = tickets
        self._first = first

    async def expected(self) -> int:
        """The tickets, which are counted when somebody asks."""
        return await self._found.count()

    async def batches(self, _: Sheet) -> AsyncGenerator[Batch]:
        """The rows, each of them once."""
        if self._first:
            yield _batch(self._first)
        async for tickets in self._tickets:
            yield _batch(tickets)


def _batch(rows: Sequence[TicketReportRow]) -> Batch:
    return Batch([*zip(*map(_VALUES, rows), strict=True)])


@asynccontextmanager
async def ticket_report(
    asked: TicketReportExport, scope: Scope, snapshot: Snapshot, now: datetime
) -> AsyncIterator[TicketReportFile]:
    """The report; what can fail has failed before. Raises what `EventTickets.of` does."""
    found = await EventTickets.of(
        asked.event_id, asked.mobile_app_id, asked.tickets, scope, snapshot
    )
    async with aclosing(read_ahead(found.rows())) as tickets:
        first = await anext(tickets, None) or ()
        yield TicketReportFile(asked, now, found, tickets, first)
