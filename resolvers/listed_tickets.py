"""The tickets of listed events, one by one, in the events' order (events-dashboard, section 5)."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Hashable, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime
from operator import itemgetter
from types import NoneType
from typing import Any, Final, NamedTuple

from cubes.key import key_of
from cubes.promo_codes import PROMO_CODE_ROWS
from cubes.stored import key, moment
from cubes.table import Lookup, Row
from cubes.ticket_rows import listed
from cubes.tickets import TICKETS
from loaders.snapshot import Snapshot
from resolvers.event_stats import EventStats

_BATCH: Final = 1_000
# What is formatted at once: other requests wait for as long.
_AT_ONCE: Final = 250
# Events of few tickets are asked for together, and put in order here.
_TOGETHER: Final = 50
_TICKETS_TOGETHER: Final = 2_000
_CODES_KEPT: Final = 50_000
_TEXTS: Final = frozenset({str, NoneType})
_COLUMNS: Final = itemgetter(
    "ticket_id", "customer_id", "status", "promo_code_id", "order_id", "created_at", "consumed_at"
)


class ListedTicket(NamedTuple):
    """A ticket; `promo_code` and `order_id` are of what brought it."""

    ticket_id: str
    customer_id: str | None
    status: str
    promo_code: str | None
    order_id: str | None
    created_at: datetime | None
    consumed_at: datetime | None


async def listed_tickets(
    events: Sequence[tuple[Hashable, EventStats]], snapshot: Snapshot
) -> AsyncGenerator[tuple[int, Sequence[ListedTicket]]]:
    """(place of the event in `events`, tickets of it), in the events' order, then by id."""
    codes = _Codes(snapshot)
    for places in _stretches([stats.tickets_issued for _, stats in events]):
        pipeline = listed([events[place][0] for place in places])
        async with aclosing(snapshot.stream(TICKETS.source, pipeline, batch=_BATCH)) as batches:
            if len(places) == 1:
                async for batch in batches:
                    tickets = await codes.tickets([row for row in batch if not row["event"]])
                    for part in _parts(tickets):
                        yield places[0], part
                continue
            of: defaultdict[int, list[Row]] = defaultdict(list)
            async for batch in batches:
                for row in batch:
                    of[row["event"]].append(row)
        for number, place in enumerate(places):
            for part in _parts(await codes.tickets(of[number])):
                yield place, part


def _parts(tickets: Sequence[ListedTicket]) -> Iterator[Sequence[ListedTicket]]:
    for start in range(0, len(tickets), _AT_ONCE):
        yield tickets[start : start + _AT_ONCE]


def _stretches(tickets: Sequence[int]) -> Iterator[Sequence[int]]:
    """The places of events that are asked for together; without those that have no tickets."""
    places: list[int] = []
    held = 0
    for place, count in enumerate(tickets):
        if places and (held + count > _TICKETS_TOGETHER or len(places) == _TOGETHER):
            yield places
            places, held = [], 0
        if count:
            places.append(place)
            held += count
    if places:
        yield places


class _Codes:
    """The texts of promo codes, as far as they were needed lately."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known: dict[Hashable, str | None] = {None: None}

    async def tickets(self, rows: Sequence[Row]) -> Sequence[ListedTicket]:
        """The tickets of rows."""
        if not rows:
            return ()
        # By columns: what is done for each row is the export's time.
        ids, customers, statuses, brought, orders, created, consumed = zip(
            *map(_COLUMNS, rows), strict=True
        )
        return [
            *map(
                ListedTicket,
                _texts(ids),
                _texts(customers),
                statuses,
                await self._of(brought),
                _texts(orders),
                map(moment, created),
                map(moment, consumed),
            )
        ]

    async def _of(self, ids: Sequence[Any]) -> Sequence[str | None]:
        if len(self._known) > _CODES_KEPT:
            self._known = {None: None}
        keys = [None if id is None else key_of(id) for id in ids]
        if unknown := frozenset(keys) - self._known.keys():
            lookup = Lookup(PROMO_CODE_ROWS, frozenset({"code"}), unknown)
            found = await self._snapshot.load(lookup)
            self._known |= {
                each: found[each]["code"] if each in found else None for each in unknown
            }
        return [self._known[each] for each in keys]


def _texts(ids: Sequence[Any]) -> Sequence[Any]:
    """The texts of ids, which almost all are already."""
    if {*map(type, ids)} <= _TEXTS:
        return ids
    return [id if type(id) in _TEXTS else key(id) for id in ids]
