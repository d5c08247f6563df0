"""`ticketReport`: tickets of some events one by one, each with its owner."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self, TypeVar

from bson.datetime_ms import DatetimeMS

from auth.scope import Scope
from cubes.declared.events import EVENTS_AS_STORED
from cubes.declared.ticket_queries import EVENT_INDEX, TicketCount, TicketFilter, TicketPage
from cubes.declared.tickets import TICKETS
from cubes.declared.users import ACCOUNTS_AS_STORED
from cubes.keys import key_of
from cubes.rows import Lookup, Row
from errors import NotFound, quoted
from loaders.computing import computed
from loaders.loader import Loader
from loaders.snapshot import Snapshot
from resolvers.arguments import object_id, text, within
from resolvers.kpi.rounding import count
from resolvers.kpi.units import COUNT, TEXT
from resolvers.kpi.values import described, value
from resolvers.tickets.row import COLUMNS, OWNERS, TicketReportRow, initial_owner, owner_id, reader

LIMIT_MAX: Final = 1000
# Other requests wait while this many rows are formatted.
_BATCH: Final = 100
# A row takes as long as ten cells.
_CELLS_OF_ROW: Final = 10

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

Events = Mapping[Hashable, Row]
"""Key → an event as it is stored."""

_T = TypeVar("_T")


@value
class TicketReport:
    """Tickets of some events, by id."""

    event_ids: list[str] = described(
        "The events that are reported: those of the application that the caller may see.", TEXT
    )
    total: int = described("The number of matching tickets, on all pages together.", COUNT)
    result: list[TicketReportRow] = described("The tickets of this page.")


@dataclass(frozen=True, slots=True)
class Tickets:
    """Which tickets of an event are reported: all, or only those last updated in a window."""

    exclude_deleted: bool = False
    last_updated_since: datetime | None = None
    last_updated_before: datetime | None = None

    def of(self, events: Collection[Hashable]) -> TicketFilter:
        """The filter of these tickets of some events."""
        return TicketFilter(
            frozenset(events),
            in_the_system=self.exclude_deleted,
            since=_whole_milliseconds(self.last_updated_since),
            before=_whole_milliseconds(self.last_updated_before),
        )


async def ticket_report(
    selected: Collection[str] | None,
    loader: Loader,
    scope: Scope,
    tickets: Tickets,
    *,
    event_ids: Iterable[str],
    mobile_app_id: str,
    limit: int,
    offset: int,
    with_total: bool = True,
    limit_max: int = LIMIT_MAX,
) -> TicketReport:
    """A page of the tickets of the events that the caller may see, by `_id`.

    `selected` are fields of `TicketReportRow`, or None if no tickets are wanted; without
    `with_total`, `total` is 0. Raises `BadUserInput` for a malformed id, or a limit or an offset
    out of range.
    """
    within("limit", limit, 1, limit_max)
    within("offset", offset, 0)
    events = await visible_events(event_ids, mobile_app_id, scope, loader)
    if not events:
        return TicketReport([], 0, [])
    wanted = await indexed(tickets.of(events), loader)
    total, found = await asyncio.gather(
        loader.load(TicketCount(wanted)) if with_total else _given(0),
        loader.load(TicketPage(wanted, offset, limit)) if selected is not None else _given(()),
    )
    return TicketReport(
        [str(event["_id"]) for event in events.values()],
        count(total),
        await rows(found, events, selected or (), loader),
    )


@dataclass(frozen=True, slots=True)
class EventTickets:
    """All tickets of an event that the caller may see."""

    _events: Events
    _wanted: TicketFilter
    _snapshot: Snapshot

    @classmethod
    async def of(
        cls, event_id: str, mobile_app_id: str, tickets: Tickets, scope: Scope, snapshot: Snapshot
    ) -> Self:
        """Raises `BadUserInput` for a malformed id, `NotFound` if the caller sees no such event."""
        events = await visible_events([event_id], mobile_app_id, scope, snapshot)
        if not events:
            raise NotFound(
                f"There is no event {quoted(event_id)} of application {quoted(mobile_app_id)} that "
                "the caller may see."
            )
        return cls(events, await indexed(tickets.of(events), snapshot), snapshot)

    async def count(self) -> int:
        """The number of tickets."""
        return await self._snapshot.load(TicketCount(self._wanted))

    async def rows(self) -> AsyncGenerator[Sequence[TicketReportRow]]:
        """The rows, some at a time."""
        pipeline = TicketPage(self._wanted).pipeline()
        stream = self._snapshot.stream(TICKETS.source, [pipeline], batch=_BATCH)
        async with aclosing(stream) as batches:
            async for _, batch in batches:
                if batch:
                    yield await rows(batch, self._events, COLUMNS, self._snapshot)


async def visible_events(
    ids: Iterable[str], mobile_app_id: str, scope: Scope, loader: Loader
) -> Events:
    """The stored events with these ids that are of the app, and that the caller may see.

    Raises `BadUserInput` for a malformed id.
    """
    keys = frozenset(object_id("eventIds", each) for each in ids)
    app = text("mobileAppId", mobile_app_id)
    columns = frozenset(EVENTS_AS_STORED.columns)
    found = await loader.load(Lookup(EVENTS_AS_STORED, columns, keys)) if keys else {}
    return {
        key: event
        for key, event in found.items()
        if scope.admits(event.get("organizer_id")) and _has(event.get("mobile_app_ids"), app)
    }


async def indexed(wanted: TicketFilter, loader: Loader) -> TicketFilter:
    """The filter with `array_free` set if the index shows that no `event_id` is an array."""
    array_free = await loader.array_free(TICKETS.source, EVENT_INDEX)
    return replace(wanted, array_free="event_id" in array_free)


async def rows(
    tickets: Sequence[Row], events: Events, selected: Collection[str], loader: Loader
) -> list[TicketReportRow]:
    """The rows of stored tickets; the owners' accounts are loaded together."""
    accounts: Mapping[Hashable, Row] = {}
    owners = [key_of(owner_id(ticket)) for ticket in tickets]
    if keys := frozenset(owners) - {None} if OWNERS & {*selected} else None:
        columns = frozenset(ACCOUNTS_AS_STORED.columns)
        accounts = await loader.load(Lookup(ACCOUNTS_AS_STORED, columns, keys))
    row = reader(selected)

    def made() -> list[TicketReportRow]:
        return [
            row(
                {
                    **ticket,
                    "event": events[key_of(ticket["event_id"])],
                    "owner": accounts.get(owner) or initial_owner(ticket),
                }
            )
            for ticket, owner in zip(tickets, owners, strict=True)
        ]

    return await computed(_CELLS_OF_ROW * len(tickets), made)


def _has(apps: object, app: str) -> bool:
    # An empty text is none.
    return isinstance(apps, list) and app != "" and app in apps


def _whole_milliseconds(at: datetime | None) -> DatetimeMS | None:
    """A time rounded up to the milliseconds that MongoDB stores."""
    return None if at is None else DatetimeMS(-((_EPOCH - at) // _MILLISECOND))


async def _given(value: _T) -> _T:
    return value
