"""Which level of a rollup answers a slice, and which edges of its window are counted live."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, TypeAlias

from cubes.cells import TIME
from cubes.cube import Slice
from cubes.declaration import Stage
from cubes.expressions import bucket, interval
from cubes.window import ALL_TIME, Window
from rollups.layout.level import Level
from rollups.layout.rollup import Rollup

# Where buckets of every size begin.
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)

_Stretch: TypeAlias = tuple[Level | None, Window]
"""(level, window): the level's buckets in the window are read. Level None: counted live."""


@dataclass(frozen=True)
class ReadPlan:
    """How a rollup answers a slice: an aggregation of its cells, and slices to be counted live.

    These slices are the edges: the parts of buckets that the window does not have whole.
    """

    rollup: Rollup
    pipeline: list[Stage]
    edges: Sequence[Slice]


def read_plan(one: Slice, rollup: Rollup) -> ReadPlan | None:
    """How the rollup's level with the fewest dimensions answers a slice; None if none can."""
    fitting = rollup.levels_for(one.cube, one.dimensions)
    levels = [level for level in fitting if _divides(level, one)]
    if one.granularity is not None:
        one = replace(one, window=one.window or ALL_TIME)
    if one.window is None:
        filters, edges = [level.filter(one) for level in levels[-1:]], []
    else:
        stretches = [*_coalesced(_stretches_of(one, one.window, levels))]
        filters = [level.filter(one, window) for level, window in stretches if level is not None]
        edges = [replace(one, window=window) for level, window in stretches if level is None]
    if not filters or (edges and one.largest_by is not None):
        return None
    key = {name: f"$key.{name}" for name in sorted(one.dimensions)}
    if one.by_point:
        key[TIME] = interval(f"$key.{TIME}", one.points)
    elif one.granularity is not None:
        key[TIME] = bucket(f"$key.{TIME}", one.granularity)
    measures = {name: f"$measures.{name}" for name in sorted(one.measures)}
    sums = {name: {"$sum": path} for name, path in measures.items()}
    # If no summing is needed, `$project` takes half the time of `$group`.
    cells: Stage = (
        {"$project": {"_id": key, **measures}}
        if levels[0].granularity is None and one.dimensions == levels[0].dimensions and key
        else {"$group": {"_id": key or None, **sums}}
    )
    return ReadPlan(rollup, [{"$match": {"$or": filters}}, cells, *one.largest_stages()], edges)


def _divides(level: Level, one: Slice) -> bool:
    """Whether the level's buckets divide the slice's time, or all of time."""
    if level.granularity is None:
        return one.window is None and one.granularity is None
    return one.granularity is None or not one.granularity % level.granularity


def _stretches_of(one: Slice, window: Window, levels: Sequence[Level]) -> Iterator[_Stretch]:
    """The stretches of the window's points, in order."""
    bounds = (window.start, *one.points, window.end)
    sizes = [(level.granularity, level) for level in levels if level.granularity is not None]
    for start, end in pairwise(bounds):
        yield from _stretches(Window(start, end), sizes)


def _stretches(window: Window, levels: Sequence[tuple[timedelta, Level]]) -> Iterator[_Stretch]:
    """A window in whole buckets, of the largest that fit, and its edges."""
    if window.start >= window.end:
        return
    if not levels:
        yield None, window
        return
    *finer, (size, level) = levels
    start = window.start + (_EPOCH - window.start) % size
    end = window.end - (window.end - _EPOCH) % size
    if start >= end:
        yield from _stretches(window, finer)
        return
    yield from _stretches(Window(window.start, start), finer)
    yield level, Window(start, end)
    yield from _stretches(Window(end, window.end), finer)


def _coalesced(stretches: Iterable[_Stretch]) -> Iterator[_Stretch]:
    """The stretches with neighbours of one level put together."""
    held: _Stretch | None = None
    for level, window in stretches:
        if held is not None and held[0] is level:
            held = level, Window(held[1].start, window.end)
            continue
        if held is not None:
            yield held
        held = level, window
    if held is not None:
        yield held
