"""The tickets of listed events one by one, in the events' order (events dashboard's export)."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Hashable, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime
from operator import itemgetter
from types import NoneType
from typing import Any, Final, NamedTuple

from cubes.declared.promo_codes import PROMO_CODE_ROWS
from cubes.declared.ticket_queries import listed
from cubes.declared.tickets import TICKETS
from cubes.keys import key_of
from cubes.rows import Lookup, Row
from loaders.snapshot import Snapshot
from resolvers.event_stats import EventStats
from resolvers.stored_values import date_time, key

_BATCH: Final = 2_000
# Other requests wait while this many rows are formatted.
_FORMATTED_TOGETHER: Final = 100
# Events of few tickets share an aggregation; their tickets are put in order here.
_EVENTS_TOGETHER: Final = 50
_TICKETS_TOGETHER: Final = 2_000
_CODES_CACHED: Final = 50_000
_TEXTS: Final = frozenset({str, NoneType})
_DATES: Final = frozenset({datetime, NoneType})
_COLUMNS: Final = itemgetter(
    "ticket_id", "customer_id", "status", "promo_code_id", "order_id", "created_at", "consumed_at"
)


class ListedTickets(NamedTuple):
    """Some tickets of an event, column by column.

    `promo_code` and `order_id` are those of the tickets' origin.
    """

    event_index: int
    """The index of the event among the listed events."""
    ticket_id: Sequence[str]
    customer_id: Sequence[str | None]
    status: Sequence[str]
    promo_code: Sequence[str | None]
    order_id: Sequence[str | None]
    created_at: Sequence[datetime | None]
    consumed_at: Sequence[datetime | None]


async def listed_tickets(
    events: Sequence[tuple[Hashable, EventStats]], snapshot: Snapshot
) -> AsyncGenerator[ListedTickets]:
    """The tickets, in the events' order, then by id."""
    codes = _Codes(snapshot)
    groups = [*_groups([stats.tickets_issued for _, stats in events])]
    pipelines = (listed([events[index][0] for index in indexes]) for indexes in groups)
    of: defaultdict[int, list[Row]] = defaultdict(list)
    async with aclosing(snapshot.stream(TICKETS.source, pipelines, batch=_BATCH)) as batches:
        async for number, rows in batches:
            for row in rows:
                of[row["event"]].append(row)
            indexes = groups[number]
            # Tickets of several events are put in order when all of them have come.
            if len(indexes) == 1 or not rows:
                for event, index in enumerate(indexes):
                    for part in _parts(of[event]):
                        yield await codes.tickets(index, part)
                        # Other tasks get their turn.
                        await asyncio.sleep(0)
                of.clear()


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _FORMATTED_TOGETHER):
        yield rows[start : start + _FORMATTED_TOGETHER]


def _groups(tickets: Sequence[int]) -> Iterator[Sequence[int]]:
    """Indexes of events whose tickets one aggregation reads; leaves out events without tickets."""
    indexes: list[int] = []
    held = 0
    for index, count in enumerate(tickets):
        if indexes and (held + count > _TICKETS_TOGETHER or len(indexes) == _EVENTS_TOGETHER):
            yield indexes
            indexes, held = [], 0
        if count:
            indexes.append(index)
            held += count
    if indexes:
        yield indexes


class _Codes:
    """The texts of promo codes, cached."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._cached: dict[Hashable, str | None] = {None: None}

    async def tickets(self, event_index: int, rows: Sequence[Row]) -> ListedTickets:
        """The tickets of one event's rows, of which there is at least one."""
        ids, customers, statuses, brought, orders, created, consumed = zip(
            *map(_COLUMNS, rows), strict=True
        )
        return ListedTickets(
            event_index,
            _texts(ids),
            _texts(customers),
            statuses,
            await self._of(brought),
            _texts(orders),
            _dates(created),
            _dates(consumed),
        )

    async def _of(self, ids: Sequence[Any]) -> Sequence[str | None]:
        if len(self._cached) > _CODES_CACHED:
            self._cached = {None: None}
        keys = [None if id is None else key_of(id) for id in ids]
        if unknown := frozenset(keys) - self._cached.keys():
            lookup = Lookup(PROMO_CODE_ROWS, frozenset({"code"}), unknown)
            found = await self._snapshot.load(lookup)
            self._cached |= {
                each: found[each]["code"] if each in found else None for each in unknown
            }
        return [self._cached[each] for each in keys]


def _texts(ids: Sequence[Any]) -> Sequence[Any]:
    """The texts of ids; almost all ids are texts already."""
    if {*map(type, ids)} <= _TEXTS:
        return ids
    return [id if type(id) in _TEXTS else key(id) for id in ids]


def _dates(values: Sequence[Any]) -> Sequence[datetime | None]:
    """Dates; almost all of them can be shown."""
    return values if {*map(type, values)} <= _DATES else [*map(date_time, values)]
