"""How kept cells answer a slice: from which levels, and what has to be counted besides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cubes.cube import Slice, Stage, Window
from rollups.layout.level import Level
from rollups.layout.rollup import ROLLUPS, Rollup

# Where buckets of any size begin.
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


ROLLUP_OF: Final = {cube: rollup for rollup in ROLLUPS for cube in rollup.cubes}
"""The rollup of each cube that has one."""


@dataclass(frozen=True)
class Reading:
    """How a slice is answered: by an aggregation of kept cells, and slices that are counted.

    Those are the edges of a window, what it has of buckets that it does not have whole.
    """

    rollup: Rollup
    pipeline: list[Stage]
    edges: Sequence[Slice]


def reading_of(one: Slice) -> Reading | None:
    """How kept cells answer a slice, from the fewest dimensions; None where none do."""
    rollup = ROLLUP_OF.get(one.cube)
    if rollup is None or (one.window is None) == bool(one.cube.buckets):
        return None
    fitting = [
        level
        for level in rollup.levels
        if level.cube is one.cube and one.dimensions <= level.dimensions
    ]
    fewest = min((level.dimensions for level in fitting), key=len)
    finest_first = [level for level in fitting if level.dimensions == fewest]
    if one.window is None:
        parts, edges = [finest_first[0].reading(one)], []
    else:
        sizes = [(level.bucket, level) for level in finest_first if level.bucket is not None]
        stretches = [*_stretches(one.window, sizes)]
        parts = [level.reading(one, stretch) for level, stretch in stretches if level is not None]
        edges = [replace(one, window=stretch) for level, stretch in stretches if level is None]
    if not parts or (edges and one.top is not None):
        return None
    key = {name: f"$key.{name}" for name in sorted(one.dimensions)}
    measures = {name: f"$measures.{name}" for name in sorted(one.measures)}
    sums = {name: {"$sum": path} for name, path in measures.items()}
    # Cells that are as asked for are only renamed, which takes half as long.
    cells: Stage = (
        {"$project": {"_id": key, **measures}}
        if one.window is None and one.dimensions == fewest and key
        else {"$group": {"_id": key or None, **sums}}
    )
    return Reading(rollup, [{"$match": {"$or": parts}}, cells, *one.largest_of()], edges)


def _stretches(
    window: Window, levels: Sequence[tuple[timedelta, Level]]
) -> Iterator[tuple[Level | None, Window]]:
    """A window in whole buckets of levels, the largest that fit, and what is left at its edges."""
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
