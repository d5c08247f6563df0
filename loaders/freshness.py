"""Freshness: where a cube was read from, as of when, and what a client may demand of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from bson import Timestamp

ReadAfter: TypeAlias = Timestamp | datetime
"""`readAfter`, the oldest time that an answer may be as of: a cluster time, or a date and time."""


def time_of(after: ReadAfter) -> datetime:
    """The time of a `readAfter`; a cluster time is cut to its second."""
    return after.as_datetime() if isinstance(after, Timestamp) else after


@dataclass(frozen=True, slots=True)
class Freshness:
    """The source of a cube's cells, their time and their lag."""

    cube: str
    from_rollup: bool
    as_of: datetime
    lag: timedelta


class FreshnessNotes:
    """The freshness of each cube that one request read; of several reads, the oldest."""

    def __init__(self) -> None:
        self.by_cube: dict[str, Freshness] = {}

    def add(self, freshness: Freshness) -> None:
        """Notes a read of a cube."""
        before = self.by_cube.setdefault(freshness.cube, freshness)
        self.by_cube[freshness.cube] = min(before, freshness, key=lambda each: each.as_of)
