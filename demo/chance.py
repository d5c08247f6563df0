"""Random values of the demo: ids, weighted choices, times in a weekly rhythm."""

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
    """Weights of the hours before `end`: higher in evenings, on weekends, and close to `end`.

    The weight of an hour that is `rush` days old is half of that at `end`.
    """

    def __init__(self, end: datetime, *, hours: int, rush: float) -> None:
        local = end + LOCAL
        last = local.weekday() * 24 + local.hour
        weights = (_WEEK[(last - age) % 168] / (1 + age / 24 / rush) for age in range(hours))
        self.end = end
        self.ages = range(hours)
        self.cumulative = list(accumulate(weights))


class Chance(random.Random):
    """A seeded random generator.

    The number of draws must not depend on the date: the same seed then makes the same documents
    on each day, except for their times.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._serial = self.getrandbits(63)

    def object_id(self, at: datetime) -> ObjectId:
        """A unique id with the timestamp `at`."""
        self._serial += 1
        return ObjectId(pack(">IQ", int(at.timestamp()), self._serial))

    def hex(self, digits: int) -> str:
        return f"{self.getrandbits(4 * digits):0{digits}x}"

    def likely(self, share: float) -> bool:
        return self.random() < share

    def favourite(self, things: Sequence[Thing]) -> Thing:
        """A random element; the first ones are much more frequent than the last."""
        return things[int(self.random() ** 2 * len(things))]

    def times(self, rhythm: Rhythm, count: int) -> list[datetime]:
        """`count` random times of a rhythm, unordered, up to its end."""
        return [
            rhythm.end - timedelta(milliseconds=int((age + self.random()) * _HOUR_MS))
            for age in self.choices(rhythm.ages, cum_weights=rhythm.cumulative, k=count)
        ]
