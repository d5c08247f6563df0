"""How fresh what is read is, and what a client may ask of it: headcount's own, of no document."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from bson import Timestamp

from errors import BadUserInput
from loaders.loader import Aggregations
from loaders.rollup_states import Freshness, ReadAfter, moment_of
from resolvers.arguments import moment

READ_AFTER: Final = "readAfter"
"""The request's extension that says what its answer is to be as new as."""

_CLUSTER_TIME: Final = re.compile(r"(\d{1,20}):(\d{1,20})", re.ASCII)
# What lies no further ahead is waited for.
_AHEAD: Final = timedelta(seconds=2)


class CubeSource(Enum):
    """What a cube is read from."""

    ROLLUP = "rollup"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class CubeFreshness:
    """Where a cube is read from, the moment that it shows, and how long ago that is."""

    cube: str
    source: CubeSource
    as_of: datetime
    lag_ms: int

    @classmethod
    def of(cls, found: Freshness) -> "CubeFreshness":
        """That of what a loader says."""
        source = CubeSource.ROLLUP if found.kept else CubeSource.LIVE
        return cls(found.cube, source, found.as_of, found.lag // timedelta(milliseconds=1))


async def freshness(aggregations: Aggregations) -> Sequence[CubeFreshness]:
    """That of each cube, as it would be read now."""
    return [CubeFreshness.of(found) for found in await aggregations.freshness()]


def read_after(value: object, now: datetime) -> ReadAfter:
    """A cluster time, `<seconds>:<increment>`, or a moment in ISO 8601; raises `BadUserInput`.

    Neither may lie ahead of now, but for as much as clocks differ: nothing could be as new.
    """
    match = _CLUSTER_TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        after = Timestamp(int(match[1]), int(match[2])) if match else moment(value)
    except (BadUserInput, ValueError) as error:
        raise BadUserInput(
            f"Extension '{READ_AFTER}' must be a cluster time, as '1776700800:3', or a moment in "
            f"ISO 8601 with its offset, as '2026-04-20T16:00:00Z'; it is {repr(value)[:100]}."
        ) from error
    if moment_of(after) > now + _AHEAD:
        raise BadUserInput(
            f"Extension '{READ_AFTER}' must not lie ahead of now, {now.isoformat()}; "
            f"it is {value!r}."
        )
    return after
