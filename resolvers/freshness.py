"""`freshness` and `readAfter`: what cubes are read from, and how new an answer has to be."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from bson import Timestamp

from errors import BadUserInput, quoted
from loaders.freshness import Freshness, ReadAfter, time_of
from loaders.loader import Loader
from resolvers.arguments import date_time
from resolvers.kpi.units import COUNT, DATE_TIME, TEXT, Unit
from resolvers.kpi.values import described, value

READ_AFTER: Final = "readAfter"
"""The name of the request extension `readAfter`."""

_CLUSTER_TIME: Final = re.compile(r"(\d{1,20}):(\d{1,20})", re.ASCII)
# The loader waits for times that are no further ahead.
_AHEAD: Final = timedelta(seconds=2)


class CubeSource(Enum):
    """The source of a cube's cells."""

    ROLLUP = "rollup"
    LIVE = "live"


_SOURCE: Final = Unit[CubeSource]("source", CubeSource)


@value
class CubeFreshness:
    """The source of a cube, and how old it is."""

    cube: str = described("The cube's name.", TEXT)
    source: CubeSource = described("The source of its cells.", _SOURCE)
    as_of: datetime = described("The time whose documents are counted.", DATE_TIME)
    lag_ms: int = described("The number of milliseconds since then.", COUNT)

    @classmethod
    def of(cls, found: Freshness) -> "CubeFreshness":
        """The value that shows a loader's freshness."""
        source = CubeSource.ROLLUP if found.from_rollup else CubeSource.LIVE
        return cls(found.cube, source, found.as_of, found.lag // timedelta(milliseconds=1))


async def freshness(loader: Loader) -> Sequence[CubeFreshness]:
    """The freshness of each cube, as it would be read now."""
    return [CubeFreshness.of(found) for found in await loader.freshness()]


def read_after(value: object, now: datetime) -> ReadAfter:
    """A cluster time, `<seconds>:<increment>`, or a time in ISO 8601; raises `BadUserInput`.

    It may lie up to 2 s ahead of now, as clocks differ.
    """
    match = _CLUSTER_TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        after = Timestamp(int(match[1]), int(match[2])) if match else date_time(value)
    except (BadUserInput, ValueError) as error:
        raise BadUserInput(
            f"Extension '{READ_AFTER}' must be a cluster time, as '1776700800:3', or a time in "
            f"ISO 8601 with its offset, as '2026-04-20T16:00:00Z'; it is {quoted(value)}."
        ) from error
    if time_of(after) > now + _AHEAD:
        raise BadUserInput(
            f"Extension '{READ_AFTER}' must not lie more than {_AHEAD.seconds} s ahead of now, "
            f"{now.isoformat()}; it is {quoted(value)}."
        )
    return after
