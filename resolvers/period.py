"""The period of `dashboardStats`: a week, by days of a time zone, and 90 days for buyers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, Self

from cubes.cube import Slice
from cubes.declared.behaviour import BEHAVIOUR, BUYERS, EACH_INDEX
from cubes.window import Window
from loaders.loader import Loader
from resolvers.calendar import days

WEEK: Final = timedelta(days=7)
RETENTION: Final = timedelta(days=90)

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Period:
    """The week up to `now`, which is in.

    `points` are the stretches of the week's days, in order, and `dates` the local date of each.
    `array_free` are fields known to hold no arrays.
    """

    now: datetime
    points: Sequence[Window]
    dates: Sequence[date]
    array_free: frozenset[str] = frozenset()

    @classmethod
    def until(cls, now: datetime, zone: tzinfo) -> Self:
        """The period that ends now, in the local dates of a zone."""
        stretches = [
            (window, day)
            for day, windows in days(_window(now, WEEK), zone).items()
            for window in windows
        ]
        stretches.sort(key=lambda stretch: stretch[0].start)
        return cls(now, [window for window, _ in stretches], [day for _, day in stretches])

    async def probed(self, loader: Loader) -> Self:
        """The same, knowing which fields hold no arrays."""
        array_free = await loader.array_free(BEHAVIOUR.source, EACH_INDEX)
        return replace(self, array_free=array_free)

    def place(self, one: Slice) -> Slice:
        """A slice in the window that its numbers cover."""
        if one.cube is BUYERS:
            return one.during(_window(self.now, RETENTION), self.array_free)
        return one.timeline(self.points, self.array_free)


def _window(now: datetime, ago: timedelta) -> Window:
    return Window(now - ago, now + _MILLISECOND)
