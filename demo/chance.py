"""Owns everything that is drawn: ids, favourites, and moments in the rhythm of a week."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from struct import pack
from typing import Any, TypeVar

from bson import ObjectId

Document = dict[str, Any]
Thing = TypeVar("Thing")

# Brazil has had no summer time since 2019.
LOCAL = timedelta(hours=-3)

_HOUR_MS = 3_600_000
_HOURS = (3, 2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 13, 11, 9, 9, 10, 12, 15, 19, 22, 21, 15, 8)
_WEEKDAYS = (8, 8, 9, 11, 14, 15, 13)
_WEEK = [day * hour for day in _WEEKDAYS for hour in _HOURS]


class Rhythm:
    """The hours before `end`, likelier in evenings, on weekends, and the nearer to `end`.

    `rush` is the age in days at which an hour's pull has halved.
    """

    def __init__(self, end: datetime, *, hours: int, rush: float) -> None:
        local = end + LOCAL
        last = local.weekday() * 24 + local.hour
        weights = (_WEEK[(last - age) % 168] / (1 + age / 24 / rush) for age in range(hours))
        self.end = end
        self.ages = range(hours)
        self.cumulated = list(accumulate(weights))


class Chance(random.Random):
    """A seeded source.

    No draw may hang on the calendar: then the same seed makes the same documents at any time,
    and only their times differ.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._serial = self.getrandbits(63)

    def object_id(self, at: datetime) -> ObjectId:
        """An id as a driver would have made it at that time; never the same twice."""
        self._serial += 1
        return ObjectId(pack(">IQ", int(at.timestamp()), self._serial))

    def hex(self, digits: int) -> str:
        return f"{self.getrandbits(4 * digits):0{digits}x}"

    def likely(self, share: float) -> bool:
        return self.random() < share

    def favourite(self, things: Sequence[Thing]) -> Thing:
        """One of them, the first ones far more often than the last."""
        return things[int(self.random() ** 2 * len(things))]

    def moments(self, rhythm: Rhythm, count: int) -> list[datetime]:
        """So many moments of a rhythm, in no order, none later than its end."""
        return [
            rhythm.end - timedelta(milliseconds=int((age + self.random()) * _HOUR_MS))
            for age in self.choices(rhythm.ages, cum_weights=rhythm.cumulated, k=count)
        ]
