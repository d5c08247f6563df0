"""Cubes, declared once as MongoDB expressions, and slices of them, which compile to a `$group`.

A resolver asks for a `Slice`. Slices that look at the same documents merge into one. The merged
slice compiles to one aggregation, which returns `Cells`.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar, Self

from beanie import Document

from cubes.cells import TIME, Cells, CubeError
from cubes.checks import check, parameters_of
from cubes.expressions import Expression, bound, bucket
from cubes.keys import key_of, value_of
from cubes.window import Window

Stage = dict[str, Any]
"""A stage of an aggregation pipeline."""


@dataclass(frozen=True, eq=False)
class Cube:
    """The countable numbers of a collection.

    `dimensions` (name → expression) tell cells apart; `measures` (name → expression) are added up
    in each cell. `match`, which an index can serve, and `where` say which documents count.
    Expressions mention fields of the document, `Setting`s, and `$$name` for each of `parameters`,
    whose values a slice carries.

    `$match` looks into arrays and `where` does not. `array_guards` are the fields that `where`
    guards against arrays: if none of them ever held one, `where` is redundant and dropped.

    A rollup has cells by all dimensions, and by each of `rollup_levels`, which are fewer. With
    `granularities` (finest first, each a multiple of the one before) its cells are by buckets of
    `created_at` of these sizes, from which any window is put together.

    Raises `CubeError` if a name, a path, a parameter or a level can't be right.
    """

    name: str
    source: type[Document]
    dimensions: Mapping[str, Expression]
    measures: Mapping[str, Expression]
    where: Expression | None = None
    match: Mapping[str, Any] = field(default_factory=dict)
    array_guards: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    rollup_levels: Sequence[frozenset[str]] = ()
    granularities: Sequence[timedelta] = ()

    EXPRESSIONS: ClassVar[tuple[str, ...]] = ("dimensions", "measures", "where")

    def __post_init__(self) -> None:
        check(self, document=[self.dimensions, self.measures, self.where])

    def slice(self, *dimensions: str, measures: Collection[str]) -> "Slice":
        """The cells by `dimensions`, with `measures` added up in each; raises `CubeError`."""
        if unknown := {*dimensions} - {*self.dimensions} | {*measures} - {*self.measures}:
            raise CubeError(f"Cube {self.name} has no {', '.join(sorted(unknown))}.")
        return Slice(self, frozenset(dimensions), frozenset(measures))

    def field_of(self, dimension: str) -> str | None:
        """The path of the field that a dimension is; None if the dimension is computed."""
        expression = self.dimensions[dimension]
        return expression[1:] if isinstance(expression, str) else None

    def bind(self, settings: Mapping[str, Any]) -> Self:
        """This cube with each `Setting` in its expressions replaced by the setting's value."""
        before = {name: getattr(self, name) for name in self.EXPRESSIONS}
        after = {name: bound(expression, settings) for name, expression in before.items()}
        return self if after == before else replace(self, **after)

    def documents(self) -> list[Stage]:
        """The stages that leave the documents that count."""
        stages: list[Stage] = [{"$match": dict(self.match)}] if self.match else []
        return stages if self.where is None else [*stages, {"$match": {"$expr": self.where}}]

    def group(
        self, dimensions: Collection[str], measures: Collection[str], time: Expression = None
    ) -> list[Stage]:
        """The stages that make cells of the documents that count; `time` is the time dimension."""
        key = {name: self.dimensions[name] for name in sorted(dimensions)}
        if time is not None:
            key[TIME] = time
        sums = {name: {"$sum": self.measures[name]} for name in sorted(measures)}
        return [{"$group": {"_id": key or None, **sums}}]


@dataclass(frozen=True)
class Slice:
    """A part of a cube: some dimensions and measures, perhaps of some keys or a window only.

    `filters` are (dimension, keys that count). `by_point` and `every` add the dimension `time` to
    the cells: the number of the window's point that they are of, as divided by `points`; or the
    start of their bucket of a size. `values` are those of the cube's parameters, and of the names
    that `carries` has for those who fold the cells. `array_free` are fields known to hold no
    arrays. `top` leaves the cells with the largest keys of a dimension only.
    """

    cube: Cube
    dimensions: frozenset[str]
    measures: frozenset[str]
    filters: tuple[tuple[str, frozenset[Hashable]], ...] = ()
    window: Window | None = None
    by_point: bool = False
    points: tuple[datetime, ...] = ()
    every: timedelta | None = None
    carries: frozenset[str] = frozenset()
    values: tuple[tuple[str, Any], ...] = ()
    array_free: frozenset[str] = frozenset()
    top: tuple[str, int] | None = None

    def only(self, dimension: str, values: Iterable[Any]) -> Self:
        """The cells with these values of a dimension that is a field; raises `CubeError`."""
        if self.cube.field_of(dimension) is None:
            raise CubeError(f"Cube {self.cube.name}: '{dimension}' is computed: no field to match.")
        filters = dict(self.filters) | {dimension: frozenset(map(key_of, values))}
        dimensions = self.dimensions | {dimension}
        return replace(self, dimensions=dimensions, filters=tuple(sorted(filters.items())))

    def with_dimensions(self, *dimensions: str) -> Self:
        """The cells by further dimensions, too; raises `CubeError`."""
        further = self.cube.slice(*dimensions, measures=())
        return replace(self, dimensions=self.dimensions | further.dimensions)

    def during(self, window: Window, array_free: frozenset[str] = frozenset()) -> Self:
        """The cells of the documents that were created in a window."""
        return replace(self, window=window, array_free=array_free)

    def by_points(self) -> Self:
        """The cells by the points of a timeline, which `timeline` sets."""
        return replace(self, by_point=True)

    def timeline(self, points: Sequence[Window], array_free: frozenset[str] = frozenset()) -> Self:
        """The cells of the window that points make up, which follow on each other.

        They are by point if the slice is.
        """
        whole = self.during(Window(points[0].start, points[-1].end), array_free)
        inner = tuple(point.start for point in points[1:])
        return replace(whole, points=inner) if self.by_point else whole

    def by_buckets(self, size: timedelta) -> Self:
        """The cells by buckets of `created_at`, of a size in whole minutes, a day at most."""
        return replace(self, every=size)

    def carrying(self, *names: str) -> Self:
        """The cells with further values for who folds them, which `given` sets."""
        return replace(self, carries=self.carries | {*names})

    def largest(self, dimension: str, count: int) -> Self:
        """The `count` cells with the largest keys of a dimension; ties go by the others."""
        return replace(self, dimensions=self.dimensions | {dimension}, top=(dimension, count))

    def given(self, values: Mapping[str, Any]) -> Self:
        """The slice with those of the values that it needs and does not have yet."""
        added = {name: values[name] for name in self.missing if name in values}
        return replace(self, values=tuple(sorted((dict(self.values) | added).items())))

    @property
    def missing(self) -> frozenset[str]:
        """The names that the slice needs a value of, and has none of."""
        needed = parameters_of(self.cube, self.dimensions, self.measures) | self.carries
        return needed - dict(self.values).keys()

    @property
    def source(self) -> type[Document]:
        """The document whose collection is counted."""
        return self.cube.source

    @property
    def batch(self) -> Hashable:
        """Slices with an equal batch merge into one aggregation."""
        filtered = tuple(dimension for dimension, _ in self.filters)
        time = self.window, self.by_point, self.points, self.every, self.array_free
        return self.cube, filtered, time, self.values, self.top and self

    def merge(self, other: Self) -> Self:
        """The smallest slice that answers both; a filter that one of them lacks is dropped."""
        filters = dict(other.filters)
        return replace(
            self,
            dimensions=self.dimensions | other.dimensions,
            measures=self.measures | other.measures,
            filters=tuple((name, k | filters[name]) for name, k in self.filters if name in filters),
            by_point=self.by_point or other.by_point,
            carries=self.carries | other.carries,
        )

    def pipeline(self) -> list[Stage]:
        """The aggregation that answers this slice.

        A timeline is a union of one `$group` a point. Each reads its own range of an index, which
        takes a third of the time of one `$group` that computes the point of each document.
        """
        if not self.by_point or self.window is None:
            return [*self._cells(self.window), *self.top_stages()]
        bounds = (self.window.start, *self.points, self.window.end)
        numbered = [
            [*self._cells(part), {"$set": {f"_id.{TIME}": {"$literal": number}}}]
            for number, point in enumerate(pairwise(bounds))
            if (part := self.window.part(*point)) is not None
        ]
        first, *others = numbered
        name = self.source.get_pymongo_collection().name
        return [*first, *({"$unionWith": {"coll": name, "pipeline": each}} for each in others)]

    def _cells(self, window: Window | None) -> list[Stage]:
        """The stages that make cells of the documents of a window."""
        cube = self.cube
        match = dict(cube.match)
        if window is not None:
            match["created_at"] = {"$gte": window.start, "$lt": window.end}
        for dimension, keys in self.filters:
            match[str(cube.field_of(dimension))] = {"$in": [value_of(key) for key in keys]}
        stages: list[Stage] = [{"$match": match}] if match else []
        array_free = cube.array_guards and cube.array_guards <= self.array_free
        if cube.where is not None and not array_free:
            stages.append({"$match": {"$expr": cube.where}})
        time = None if self.every is None else bucket("$created_at", self.every)
        return [*stages, *cube.group(self.dimensions, self.measures, time)]

    def top_stages(self) -> list[Stage]:
        """The stages that leave the top ones of its cells."""
        if self.top is None:
            return []
        by, count = self.top
        others = {f"_id.{name}": 1 for name in sorted(self.dimensions - {by})}
        return [{"$sort": {f"_id.{by}": -1} | others}, {"$limit": count}]

    @property
    def readable(self) -> frozenset[str]:
        """The dimensions of its cells, the time dimension included."""
        timed = self.by_point or self.every is not None
        return self.dimensions | {TIME} if timed else self.dimensions

    def answer(self, documents: Sequence[Mapping[str, Any]]) -> Cells:
        """This slice's cells, of what the pipeline of this or of a merged slice returned."""
        return self.view(Cells(documents, self.readable, self.measures, dict(self.values)))

    def view(self, cells: Cells, *further: str) -> Cells:
        """Of a merged slice's cells this slice's, by further dimensions, too."""
        view = cells.of(self.readable | {*further}, self.measures)
        for dimension, keys in self.filters:
            view = view.only(dimension, keys)
        return view


def by_cube(slices: Iterable[Slice]) -> dict[Cube, Slice]:
    """Cube → the smallest slice that answers all of its slices."""
    merged: dict[Cube, Slice] = {}
    for one in slices:
        merged[one.cube] = merged.setdefault(one.cube, one).merge(one)
    return merged
