"""Queries for the tickets of some events: filters, pages and counts."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

from beanie import Document
from bson.datetime_ms import DatetimeMS

from cubes.declaration import Stage
from cubes.declared.tickets import IN_THE_SYSTEM, TICKET_ROWS
from cubes.expressions import Expression, date
from cubes.keys import value_of, values_of
from cubes.rows import Row
from documents.ticket import Ticket

EVENT_INDEX: Final = {"event_id": ""}
"""A filter that matches no ticket and that the index by event serves, for `explain`."""

_UPDATED: Final = {"$ifNull": [date("$updated_at"), date("$created_at")]}


@dataclass(frozen=True)
class TicketFilter:
    """The tickets of the events with these keys.

    With `in_the_system` deleted tickets are left out. `since` and `before` bound the last update,
    `[since, before)`; a ticket without one counts from its creation. `array_free` says that no
    ticket's `event_id` ever held an array.
    """

    events: frozenset[Hashable]
    in_the_system: bool = False
    since: DatetimeMS | None = None
    before: DatetimeMS | None = None
    array_free: bool = False

    def stages(self) -> list[Stage]:
        """The stages that leave these tickets; an index serves the first."""
        conditions: list[Expression] = []
        if not self.array_free:
            # `$match` looks into arrays.
            conditions.append({"$not": [{"$isArray": "$event_id"}]})
        if self.in_the_system:
            conditions.append(IN_THE_SYSTEM)
        if self.since is not None:
            conditions.append({"$gte": [_UPDATED, self.since]})
        if self.before is not None:
            # Null comes before all dates.
            conditions += [{"$lt": [_UPDATED, self.before]}, {"$ne": [_UPDATED, None]}]
        stages: list[Stage] = [{"$match": {"event_id": {"$in": values_of(self.events)}}}]
        return [*stages, {"$match": {"$expr": {"$and": conditions}}}] if conditions else stages


@dataclass(frozen=True)
class _Query:
    filter: TicketFilter
    source: type[Document] = field(default=Ticket, init=False)

    @property
    def batch(self) -> Hashable:
        return self

    def merge(self, other: Self) -> Self:
        return self


@dataclass(frozen=True)
class TicketCount(_Query):
    """The number of tickets that a filter admits."""

    def pipeline(self) -> list[Stage]:
        return [*self.filter.stages(), {"$count": "tickets"}]

    def answer(self, documents: Sequence[Mapping[str, Any]]) -> int:
        return sum(document["tickets"] for document in documents)


@dataclass(frozen=True)
class TicketPage(_Query):
    """The stored tickets that a filter admits, or a page of them, by `_id`."""

    batch_size: ClassVar[int] = 500
    """How many are decoded at once: whole tickets are large."""

    skip: int = 0
    limit: int | None = None

    def pipeline(self) -> list[Stage]:
        stages = [*self.filter.stages(), {"$sort": {"_id": 1}}]
        if self.skip:
            stages.append({"$skip": self.skip})
        return stages if self.limit is None else [*stages, {"$limit": self.limit}]

    def answer(self, documents: Sequence[Row]) -> Sequence[Row]:
        return documents


def listed(events: Sequence[Hashable]) -> list[Stage]:
    """The rows of the tickets in the system of these events, one event after another, by `_id`.

    `event` is the event's index in the sequence, -1 for a ticket of none of them; the events come
    in any order.
    """
    ids = [value_of(key) for key in events]
    # Tickets without an event belong to the event whose id is null.
    index = {"$indexOfArray": [{"$literal": ids}, {"$ifNull": ["$event_id", None]}]}
    tickets = TicketFilter(frozenset(events), in_the_system=True, array_free=True)
    rows = TICKET_ROWS.project(TICKET_ROWS.columns)["$project"]
    return [
        *tickets.stages(),
        {"$sort": {"event_id": 1, "_id": 1}},
        {"$project": rows | {"_id": 0, "event": index}},
    ]
