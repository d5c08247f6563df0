"""Levels: cells of a cube that are kept, by some of its dimensions and perhaps buckets of time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, timedelta
from typing import Any, Final

from bson import ObjectId

from cubes.cube import Cube, Slice, Stage, Window
from cubes.expressions import Expression, bucket
from cubes.keys import raw

_BUCKET: Final = "bucket"


@dataclass(frozen=True)
class Level:
    """Cells of a cube by some of its dimensions, and perhaps by buckets of time.

    A kept cell is `{level, key: {dimension: value}, documents, measures: {measure: sum}}`, where
    `documents` is how many are behind it: a cell of none is there until it is swept. The key of
    one by buckets has the start of its, too.
    """

    cube: Cube
    dimensions: frozenset[str]
    bucket: timedelta | None = None

    @property
    def name(self) -> str:
        """The level's name, unique among all."""
        by = f"{self.cube.name} by {', '.join(sorted(self.dimensions)) or 'nothing'}"
        return by if self.bucket is None else f"{by} in {self.bucket}"

    def key(self, at: str | None = None) -> dict[str, Expression]:
        """The key of a document's cell; of a finer cell's, `at` the path of its key."""
        by = self.cube.dimensions if at is None else {n: f"{at}.{n}" for n in self.dimensions}
        key = {name: by[name] for name in sorted(self.dimensions)}
        if self.bucket is not None:
            key[_BUCKET] = bucket("$created_at" if at is None else f"{at}.{_BUCKET}", self.bucket)
        return key

    def cells(self, weight: Expression | None = None) -> list[Stage]:
        """The stages that make cells of documents of the cube's collection."""
        cube = self.cube
        summed = (
            cube.measures
            if weight is None
            else {name: {"$multiply": [weight, each]} for name, each in cube.measures.items()}
        )
        documents = 1 if weight is None else weight
        return [*cube.counted(), *self._cells(self.key(), documents, summed)]

    def of_finer(self, finer: "Level", key: Mapping[str, Any] | None = None) -> list[Stage]:
        """The stages that make cells of those of a finer level, or only the one of a key."""
        within = self._within(key or {}, lambda name: f"key.{name}", f"key.{_BUCKET}")
        summed = {name: f"$measures.{name}" for name in self.cube.measures}
        cells = self._cells(self.key("$key"), "$documents", summed)
        return [{"$match": {"level": finer.name, **within}}, *cells]

    def documents_of(self, key: Mapping[str, Any]) -> list[Stage]:
        """The stages that leave the documents of a cell, and perhaps others: what is indexed."""
        plain = {n: str(e)[1:] for n, e in self.cube.dimensions.items() if isinstance(e, str)}
        return [{"$match": self._within(key, plain.get, "created_at")}]

    def _within(
        self, key: Mapping[str, Any], path_of: Callable[[str], str | None], time: str
    ) -> dict[str, Any]:
        """A filter for what a cell may be of, where its dimensions have paths."""
        within = {
            path: {"$eq": value}
            for name, value in key.items()
            # Of any other type less is equal, or more.
            if isinstance(value, str | ObjectId) and (path := path_of(name)) is not None
        }
        start = key.get(_BUCKET)
        # The first and the last bucket have no bounds.
        if self.bucket is not None and start is not None and MINYEAR < start.year < MAXYEAR:
            within[time] = {"$gte": start, "$lt": start + self.bucket}
        return within

    @property
    def searched(self) -> Iterator[str]:
        """The paths of its cells that they are searched by: a window's, else those with keys."""
        if self.bucket is not None:
            yield f"key.{_BUCKET}"
            return
        for name in self.dimensions:
            if isinstance(self.cube.dimensions[name], str):
                yield f"key.{name}"

    def reading(self, one: Slice, window: Window | None = None) -> dict[str, Any]:
        """The filter for those of its cells that a slice is of, and of a window."""
        match: dict[str, Any] = {"level": self.name, "documents": {"$ne": 0}}
        if one.key is not None:
            match[f"key.{one.key}"] = {"$in": [raw(key) for key in one.keys]}
        if window is not None:
            match[f"key.{_BUCKET}"] = {"$gte": window.start, "$lt": window.end}
        return match

    def _cells(
        self, key: Mapping[str, Expression], documents: Expression, summed: Mapping[str, Expression]
    ) -> list[Stage]:
        sums = {name: {"$sum": each} for name, each in summed.items()}
        return [
            {"$group": {"_id": dict(key), "documents": {"$sum": documents}, **sums}},
            {
                "$project": {
                    "_id": 0,
                    "level": {"$literal": self.name},
                    "key": "$_id",
                    "documents": 1,
                    "measures": {name: f"${name}" for name in sums},
                }
            },
        ]


def levels(cube: Cube) -> Iterator[Level]:
    """The levels of a cube, the finest first."""
    for dimensions in (frozenset(cube.dimensions), *cube.coarser):
        for size in cube.buckets or (None,):
            yield Level(cube, dimensions, size)
