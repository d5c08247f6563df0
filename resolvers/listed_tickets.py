"""The tickets of listed events, one by one, in the events' order (events-dashboard, section 5)."""

from collections.abc import AsyncGenerator, Hashable, Iterable, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final, NamedTuple

from cubes.key import key_of
from cubes.promo_codes import PROMO_CODE_ROWS
from cubes.stored import key, moment
from cubes.table import Lookup
from cubes.ticket_rows import listed
from cubes.tickets import TICKETS
from loaders.snapshot import Snapshot
from resolvers.event_stats import EventStats

# What is formatted at once: other requests wait for as long.
_BATCH: Final = 250
# Events of few tickets are asked for together, and put in order here.
_TOGETHER: Final = 50
_TICKETS_TOGETHER: Final = 2_000
_CODES_KEPT: Final = 50_000


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
                    yield places[0], await codes.tickets(row for row in batch if not row["event"])
                continue
            rows = [row async for batch in batches for row in batch]
        for number, place in enumerate(places):
            yield place, await codes.tickets(row for row in rows if row["event"] == number)


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

    async def tickets(self, rows: Iterable[dict[str, Any]]) -> Sequence[ListedTicket]:
        """The tickets of rows."""
        rows = [*rows]
        if len(self._known) > _CODES_KEPT:
            self._known = {None: None}
        ids = [None if (id := row["promo_code_id"]) is None else key_of(id) for row in rows]
        if unknown := frozenset(ids) - self._known.keys():
            lookup = Lookup(PROMO_CODE_ROWS, frozenset({"code"}), unknown)
            found = await self._snapshot.load(lookup)
            self._known |= {id: found[id]["code"] if id in found else None for id in unknown}
        return [
            ListedTicket(
                _text(row["ticket_id"]) or "",
                _text(row.get("customer_id")),
                row["status"],
                self._known[id],
                _text(row["order_id"]),
                moment(row["created_at"]),
                moment(row["consumed_at"]),
            )
            for row, id in zip(rows, ids, strict=True)
        ]


def _text(id: object) -> str | None:
    return id if type(id) is str or id is None else key(id)
