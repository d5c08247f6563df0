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
    """The week up to `now`, inclusive.

    `day_windows` are the windows of the week's days, in order, and `dates` the local date of each.
    A date has several windows if clocks went back over midnight. `array_free` are fields known to
    hold no arrays.
    """

    now: datetime
    day_windows: Sequence[Window]
    dates: Sequence[date]
    array_free: frozenset[str] = frozenset()

    @classmethod
    def until(cls, now: datetime, zone: tzinfo) -> Self:
        """The period that ends now, in the local dates of a zone."""
        dated_windows = [
            (window, day)
            for day, windows in days(_window(now, WEEK), zone).items()
            for window in windows
        ]
        dated_windows.sort(key=lambda each: each[0].start)
        return cls(now, [window for window, _ in dated_windows], [day for _, day in dated_windows])

    async def probed(self, loader: Loader) -> Self:
        """The period with `array_free` as the indexes of the collection show it."""
        array_free = await loader.array_free(BEHAVIOUR.source, EACH_INDEX)
        return replace(self, array_free=array_free)

    def in_window(self, one: Slice) -> Slice:
        """The slice, restricted to the window that its numbers cover."""
        if one.cube is BUYERS:
            return one.during(_window(self.now, RETENTION), self.array_free)
        return one.timeline(self.day_windows, self.array_free)


def _window(now: datetime, ago: timedelta) -> Window:
    return Window(now - ago, now + _MILLISECOND)
