"""What reading costs: the cells of a window against counting its documents."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias

from cubes.cube import Slice
from cubes.keys import key_of
from cubes.window import Window
from rollups.layout.level import Level

CELL: Final = 4
"""The cost of a cell. The unit is a document that is counted by an index: about 1 µs."""
CELLS: Final = 3_000
"""The cost of reading any cells at all: the time of another aggregation."""
MEASURED: Final = 10
"""The cost of a document whose fields are read, as for a sum of amounts."""

Stretch: TypeAlias = tuple[Level | None, Window]
"""(level, window): the level's buckets in the window are read. Level None: counted live."""

Statistics: TypeAlias = Iterable[Mapping[str, Any]]
"""`{level, key, cells, documents}`: how many cells and documents a bucket has on average.

There is one for each level with a granularity and each key of its selective dimension; without such
a dimension, the key is null.
"""


class ReadCosts:
    """The costs of reading a slice of a window from some levels."""

    def __init__(self, one: Slice, levels: Iterable[Level], statistics: Statistics) -> None:
        keys = dict(one.filters).get(one.cube.selective or "")
        self._cells, documents = Counter[str](), Counter[str]()
        for each in statistics:
            if keys is None or key_of(each["key"]) in keys:
                self._cells[each["level"]] += each["cells"]
                documents[each["level"]] += each["documents"]
        # The coarsest buckets have the longest average.
        rates = [documents[level.name] / _length(level) for level in levels]
        counted = all(one.cube.measures[name] == 1 for name in one.measures)
        self._per_second = rates[-1] * (1 if counted else MEASURED)

    def of(self, stretches: Iterable[Stretch]) -> float:
        """The cost of reading these stretches."""
        cost, cells = 0.0, False
        for level, window in stretches:
            seconds = (window.end - window.start).total_seconds()
            if level is None:
                cost += seconds * self._per_second
            else:
                cost += seconds / _length(level) * self._cells[level.name] * CELL
                cells = True
        return cost + CELLS * cells


def _length(level: Level) -> float:
    """The seconds of a bucket."""
    return (level.granularity or timedelta.max).total_seconds()
