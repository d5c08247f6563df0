"""Levels: the cells that a rollup has of a cube, by some dimensions and perhaps by time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, timedelta
from typing import Any, Final

from bson import ObjectId

from cubes.cells import TIME
from cubes.cube import Cube, Slice
from cubes.declaration import Stage
from cubes.expressions import Expression, bucket, cell_key
from cubes.keys import values_of
from cubes.window import Window

DOCUMENTS: Final = "documents"
"""The field of a cell that says how many documents it sums up."""
TIME_PATH: Final = f"key.{TIME}"
"""The path of the start of a cell's bucket."""


@dataclass(frozen=True)
class Level:
    """The cells of a cube by some of its dimensions, and by buckets of time with a `granularity`.

    A stored cell is `{level, key: {dimension: value}, documents, measures: {measure: sum}}`. A cell
    with `documents: 0` is ignored, and deleted by the sweep. With a granularity, the key has the
    bucket's start as `time`.
    """

    cube: Cube
    dimensions: frozenset[str]
    granularity: timedelta | None = None

    @property
    def name(self) -> str:
        """The level's name, unique among all."""
        by = f"{self.cube.name} by {', '.join(sorted(self.dimensions)) or 'nothing'}"
        return by if self.granularity is None else f"{by} in {self.granularity}"

    def cells(self, weight: Expression | None = None) -> list[Stage]:
        """The stages that make cells of the collection's documents, each counted `weight` times."""
        cube = self.cube
        sums = dict(cube.measures)
        if weight is not None:
            sums = {name: {"$multiply": [weight, each]} for name, each in sums.items()}
        # A dimension that is a bare field may have values that are no keys.
        expressions = {
            name: cell_key(each) if isinstance(each, str) else each
            for name, each in cube.dimensions.items()
            if name in self.dimensions
        }
        key = self._key(expressions, "$created_at")
        return [*cube.documents(), *self._cells(key, 1 if weight is None else weight, sums)]

    def cells_of_finer(self, finer: "Level", key: Mapping[str, Any] | None = None) -> list[Stage]:
        """The stages that make cells of a finer level's cells, or only the cell of a key."""
        within = self._within(key or {}, lambda name: f"key.{name}", TIME_PATH)
        sums = {name: f"$measures.{name}" for name in self.cube.measures}
        of_finer = self._key({name: f"$key.{name}" for name in self.dimensions}, f"$key.{TIME}")
        cells = self._cells(of_finer, f"${DOCUMENTS}", sums)
        return [{"$match": {"level": finer.name, **within}}, *cells]

    def documents_of(self, key: Mapping[str, Any]) -> list[Stage]:
        """A `$match` that an index serves. It may also admit documents of other cells."""
        return [{"$match": self._within(key, self.cube.field_of, "created_at")}]

    def has_cells_of(self, coarser: "Level") -> bool:
        """Whether its cells add up to those of another level."""
        if coarser == self or coarser.cube is not self.cube:
            return False
        if self.granularity is None or coarser.granularity is None:
            return coarser.dimensions <= self.dimensions
        return coarser.dimensions <= self.dimensions and not coarser.granularity % self.granularity

    def filter(self, one: Slice, window: Window | None = None) -> dict[str, Any]:
        """The filter for the cells that a slice is of, in a window."""
        match: dict[str, Any] = {"level": self.name, DOCUMENTS: {"$ne": 0}}
        for dimension, keys in one.filters:
            match[f"key.{dimension}"] = {"$in": values_of(keys)}
        if window is not None:
            match[TIME_PATH] = {"$gte": window.start, "$lt": window.end}
        return match

    @property
    def selective_path(self) -> str | None:
        """The path of its cube's selective dimension; None if its cells have none."""
        name = self.cube.selective
        return f"key.{name}" if name in self.dimensions else None

    @property
    def searched(self) -> Iterator[tuple[str, ...]]:
        """The paths of its cells that reads filter by together.

        With a granularity these are the selective dimension and time, else each dimension that is a
        field.
        """
        if self.granularity is not None:
            yield (*filter(None, [self.selective_path]), TIME_PATH)
            return
        for name in self.dimensions:
            if self.cube.field_of(name) is not None:
                yield (f"key.{name}",)

    def _key(self, key: Mapping[str, Expression], time: Expression) -> dict[str, Expression]:
        by_name = dict(sorted(key.items()))
        return (
            by_name
            if self.granularity is None
            else by_name | {TIME: bucket(time, self.granularity)}
        )

    def _within(
        self, key: Mapping[str, Any], path_of: Callable[[str], str | None], time: str
    ) -> dict[str, Any]:
        """A filter for what a cell may sum up, by the dimensions that have a path."""
        start = key.get(TIME)
        within = {
            path: {"$eq": value}
            for name, value in key.items()
            # Values of other types can be equal to values that are stored otherwise. U+FFFD can
            # stand for bytes that are not UTF-8.
            if isinstance(value, str | ObjectId)
            and "\ufffd" not in str(value)
            and (path := path_of(name)) is not None
        }
        # The first and the last bucket have no bounds.
        if self.granularity is not None and start is not None and MINYEAR < start.year < MAXYEAR:
            within[time] = {"$gte": start, "$lt": start + self.granularity}
        return within

    def _cells(
        self, key: Mapping[str, Expression], documents: Expression, sums: Mapping[str, Expression]
    ) -> list[Stage]:
        summed = {name: {"$sum": each} for name, each in sums.items()}
        return [
            {"$group": {"_id": dict(key), DOCUMENTS: {"$sum": documents}, **summed}},
            {
                "$project": {
                    "_id": 0,
                    "level": {"$literal": self.name},
                    "key": "$_id",
                    DOCUMENTS: 1,
                    "measures": {name: f"${name}" for name in sums},
                }
            },
        ]


def levels(cube: Cube) -> Iterator[Level]:
    """The levels of a cube, by granularities the finest first."""
    for dimensions in cube.rollup_levels or [frozenset(cube.dimensions)]:
        for size in cube.granularities or (None,):
            yield Level(cube, dimensions, size)
