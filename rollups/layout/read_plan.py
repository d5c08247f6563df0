"""Which levels of a rollup answer a slice, and which edges of its window are counted live."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Final

from cubes.cells import TIME
from cubes.cube import Slice
from cubes.declaration import Stage
from cubes.expressions import bucket, interval
from cubes.window import ALL_TIME, Window
from rollups.layout.level import Level
from rollups.layout.read_cost import ReadCosts, Statistics, Stretch
from rollups.layout.rollup import Rollup

# Where buckets of every size begin.
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ReadPlan:
    """How a rollup answers a slice: an aggregation of its cells, and slices to be counted live.

    These slices are the edges: the parts of the window that are no whole buckets. Where counting is
    cheaper than reading cells, `pipeline` is empty and the edge is the whole slice. `levels` are
    those whose cells are read.
    """

    rollup: Rollup
    levels: frozenset[Level]
    pipeline: list[Stage]
    edges: Sequence[Slice]


def read_plan(one: Slice, rollup: Rollup, statistics: Statistics = ()) -> ReadPlan | None:
    """How the rollup's levels with the fewest dimensions answer a slice; None if none can.

    By the `statistics`, a window is put together from the levels that are the cheapest to read;
    without any, from all.
    """
    if one.window is None and not one.filters:
        return _whole_plan(one, rollup)
    return _plan(one, rollup, statistics)


@lru_cache(1_000)
def _whole_plan(one: Slice, rollup: Rollup) -> ReadPlan | None:
    """The plan of a slice of all documents, which does not depend on statistics."""
    return _plan(one, rollup, ())


def _plan(one: Slice, rollup: Rollup, statistics: Statistics) -> ReadPlan | None:
    fitting = rollup.levels_for(one.cube, one.dimensions)
    levels = [level for level in fitting if _divides(level, one)]
    if not levels:
        return None
    if one.granularity is not None:
        one = replace(one, window=one.window or ALL_TIME)
    if one.window is None:
        read, filters, edges = {levels[-1]}, [levels[-1].filter(one)], []
    else:
        stretches = _cheapest(one, one.window, levels, statistics)
        read = {level for level, _ in stretches if level is not None}
        filters = [level.filter(one, window) for level, window in stretches if level is not None]
        edges = [replace(one, window=window) for level, window in stretches if level is None]
    if edges and one.largest_by is not None:
        return None
    if not filters:
        return ReadPlan(rollup, frozenset(), [], edges)
    key = {name: f"$key.{name}" for name in sorted(one.dimensions)}
    if one.by_point:
        key[TIME] = interval(f"$key.{TIME}", one.points)
    elif one.granularity is not None:
        key[TIME] = bucket(f"$key.{TIME}", one.granularity)
    measures = {name: f"$measures.{name}" for name in sorted(one.measures)}
    cells: list[Stage] = [{"$replaceWith": {"_id": key or None, **measures}}]
    if levels[0].granularity is not None or one.dimensions != levels[0].dimensions or not key:
        # MongoDB 6.0 takes five times as long for a `$group` that reads the fields of `key` itself.
        sums = {name: {"$sum": f"${name}"} for name in measures}
        cells.append({"$group": {"_id": "$_id", **sums}})
    pipeline = [{"$match": {"$or": filters}}, *cells, *one.largest_stages()]
    return ReadPlan(rollup, frozenset(read), pipeline, edges)


def _divides(level: Level, one: Slice) -> bool:
    """Whether the level's buckets divide the slice's time, or all of time."""
    if level.granularity is None:
        return one.window is None and one.granularity is None
    return one.granularity is None or not one.granularity % level.granularity


def _cheapest(
    one: Slice, window: Window, levels: Sequence[Level], statistics: Statistics
) -> Sequence[Stretch]:
    """The stretches of the window by those of the levels that cost the least."""
    names = {level.name for level in levels}
    own = [each for each in statistics if each["level"] in names]
    fewest = 0 if own else len(levels)
    options = [
        [*_coalesced(_stretches_of(one, window, some))]
        for number in range(len(levels), fewest - 1, -1)
        for some in combinations(levels, number)
    ]
    return min(options, key=ReadCosts(one, levels, own).of)


def _stretches_of(one: Slice, window: Window, levels: Sequence[Level]) -> Iterator[Stretch]:
    """The stretches of the window's points, in order."""
    bounds = (window.start, *one.points, window.end)
    sizes = [(level.granularity, level) for level in levels if level.granularity is not None]
    for start, end in pairwise(bounds):
        yield from _stretches(Window(start, end), sizes)


def _stretches(window: Window, levels: Sequence[tuple[timedelta, Level]]) -> Iterator[Stretch]:
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


def _coalesced(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """The stretches with neighbours of one level put together."""
    held: Stretch | None = None
    for level, window in stretches:
        if held is not None and held[0] is level:
            held = level, Window(held[1].start, window.end)
            continue
        if held is not None:
            yield held
        held = level, window
    if held is not None:
        yield held
