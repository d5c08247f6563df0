"""The ticket report: tickets of some events one by one (organizer-ticket-report)."""

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
from errors import NotFound
from loaders.loader import Aggregations
from loaders.snapshot import Snapshot
from resolvers.arguments import object_id, text, within
from resolvers.rounding import count
from resolvers.tickets.row import ALL, OWNERS, TicketReportRow, initial_owner, owner_id, reader

LIMIT_MAX: Final = 1000
# What is formatted at once: other requests wait for as long.
_BATCH: Final = 100

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

Events = Mapping[Hashable, Row]
"""Key → an event as it is stored."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TicketReport:
    """How many tickets match, and those of them that were asked for."""

    total: int
    result: Sequence[TicketReportRow]


@dataclass(frozen=True, slots=True)
class Tickets:
    """Which tickets of an event are reported: all, or those that an update was made to."""

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
    aggregations: Aggregations,
    scope: Scope,
    tickets: Tickets,
    *,
    event_ids: Iterable[str],
    mobile_app_id: str,
    limit: int,
    offset: int,
    with_total: bool = True,
) -> TicketReport:
    """A page of the tickets of those of the events that the caller may see, by `_id`.

    `selected` are fields of `TicketReportRow`, or None if no tickets are asked for; without
    `with_total`, `total` is 0. Raises `BadUserInput` for an id that is none, a limit or an offset
    out of range.
    """
    within("limit", limit, 1, LIMIT_MAX)
    within("offset", offset, 0)
    events = await visible_events(event_ids, mobile_app_id, scope, aggregations)
    if not events:
        return TicketReport(0, ())
    wanted = await indexed(tickets.of(events), aggregations)
    total, found = await asyncio.gather(
        aggregations.load(TicketCount(wanted)) if with_total else _given(0),
        aggregations.load(TicketPage(wanted, offset, limit))
        if selected is not None
        else _given(()),
    )
    return TicketReport(count(total), await rows(found, events, selected or (), aggregations))


@dataclass(frozen=True, slots=True)
class EventTickets:
    """The tickets of an event that the caller may see, for as many as there are."""

    _events: Events
    _wanted: TicketFilter
    _snapshot: Snapshot

    @classmethod
    async def of(
        cls, event_id: str, mobile_app_id: str, tickets: Tickets, scope: Scope, snapshot: Snapshot
    ) -> Self:
        """Raises `BadUserInput` for what is no id, `NotFound` where no such event may be seen."""
        events = await visible_events([event_id], mobile_app_id, scope, snapshot)
        if not events:
            raise NotFound("There is no such event of this application.")
        return cls(events, await indexed(tickets.of(events), snapshot), snapshot)

    async def count(self) -> int:
        """How many there are."""
        return await self._snapshot.load(TicketCount(self._wanted))

    async def rows(self) -> AsyncGenerator[Sequence[TicketReportRow]]:
        """All of them, some at a time."""
        pipeline = TicketPage(self._wanted).pipeline()
        stream = self._snapshot.stream(TICKETS.source, [pipeline], batch=_BATCH)
        async with aclosing(stream) as batches:
            async for _, batch in batches:
                if batch:
                    yield await rows(batch, self._events, ALL, self._snapshot)


async def visible_events(
    ids: Iterable[str], mobile_app_id: str, scope: Scope, aggregations: Aggregations
) -> Events:
    """Of the events with these ids those of the app that the caller may see, as they are stored.

    Raises `BadUserInput` for an id that is none.
    """
    keys = frozenset(object_id("eventIds", each) for each in ids)
    app = text("mobileAppId", mobile_app_id)
    columns = frozenset(EVENTS_AS_STORED.columns)
    found = await aggregations.load(Lookup(EVENTS_AS_STORED, columns, keys)) if keys else {}
    return {
        key: event
        for key, event in found.items()
        if scope.admits(event.get("organizer_id")) and _has(event.get("mobile_app_ids"), app)
    }


async def indexed(wanted: TicketFilter, aggregations: Aggregations) -> TicketFilter:
    """The same filter, knowing whether the index alone can tell whose a ticket is."""
    plain = await aggregations.plain(TICKETS.source, EVENT_INDEX)
    return replace(wanted, plain="event_id" in plain)


async def rows(
    tickets: Sequence[Row], events: Events, selected: Collection[str], aggregations: Aggregations
) -> Sequence[TicketReportRow]:
    """The rows of tickets as they are stored; the owners' accounts are loaded together."""
    accounts: Mapping[Hashable, Row] = {}
    owners = [key_of(owner_id(ticket)) for ticket in tickets]
    if keys := frozenset(owners) - {None} if OWNERS & {*selected} else None:
        columns = frozenset(ACCOUNTS_AS_STORED.columns)
        accounts = await aggregations.load(Lookup(ACCOUNTS_AS_STORED, columns, keys))
    row = reader(selected)
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


def _has(apps: object, app: str) -> bool:
    # An empty text is none.
    return isinstance(apps, list) and app != "" and app in apps


def _whole_milliseconds(moment: datetime | None) -> DatetimeMS | None:
    """The first moment, from this one on, that MongoDB can store."""
    return None if moment is None else DatetimeMS(-((_EPOCH - moment) // _MILLISECOND))


async def _given(value: _T) -> _T:
    return value
