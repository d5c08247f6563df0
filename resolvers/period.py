"""The period that behaviour is looked at: a week by days, and for buyers a longer time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, Self

from cubes.cube import Cells, Slice, Window
from cubes.declared.behaviour import BEHAVIOUR, BUYERS, EACH_INDEX
from loaders.loader import Aggregations
from resolvers.calendar import days

WEEK: Final = timedelta(days=7)
RETENTION: Final = timedelta(days=90)

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Period:
    """The days up to `now`, which is in; the fields that are `plain` hold no array anywhere."""

    now: datetime
    days: Mapping[date, Sequence[Window]]
    plain: frozenset[str] = frozenset()

    @classmethod
    def until(cls, now: datetime, zone: tzinfo) -> Self:
        """The period that ends now, in the local dates of a zone."""
        return cls(now, days(_window(now, WEEK), zone))

    def undivided(self) -> Self:
        """The same as if it were one day."""
        return replace(self, days={min(self.days): [_window(self.now, WEEK)]})

    async def trusting(self, aggregations: Aggregations) -> Self:
        """The same, knowing which fields hold no array."""
        return replace(self, plain=await aggregations.plain(BEHAVIOUR.source, EACH_INDEX))

    def within(self, needs: Slice) -> Slice:
        """A slice of the time that its numbers cover."""
        ago = RETENTION if needs.cube is BUYERS else WEEK
        return needs.during(_window(self.now, ago), self.plain)

    async def cells(self, needs: Slice, aggregations: Aggregations) -> Cells:
        """The cells of a slice; those of events have the dimension `day`, too.

        Days are aggregated side by side: together they take no more than all at once, which would
        have to tell the day of each event.
        """
        if needs.cube is not BEHAVIOUR:
            return await aggregations.load(self.within(needs))
        stretches = [(day, each) for day, windows in self.days.items() for each in windows]
        found = await asyncio.gather(
            *(aggregations.load(needs.during(each, self.plain)) for _, each in stretches)
        )
        return Cells(
            [
                {**cell, "_id": {**cell["_id"], "day": day}}
                for (day, _), cells in zip(stretches, found, strict=True)
                for cell in cells
            ]
        )


def _window(now: datetime, ago: timedelta) -> Window:
    return Window(now - ago, now + _MILLISECOND)
