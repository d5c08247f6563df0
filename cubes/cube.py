"""Cubes: what can be counted in a collection, and the one `$group` that counts it.

A cube is declared once, as MongoDB expressions. A resolver asks for a `Slice` of it; slices that
look at the same documents merge into one; the merged slice compiles to one aggregation, whose
answer are `Cells`.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Self

from beanie import Document
from bson import Decimal128

from cubes.expressions import Expression
from cubes.keys import key_of, raw

Stage = dict[str, Any]


@dataclass(frozen=True)
class Window:
    """A stretch of time, of documents with a `created_at`: the start is in, the end is not."""

    start: datetime
    end: datetime


@dataclass(frozen=True, eq=False)
class Cube:
    """What can be counted in a collection.

    `dimensions` tell the cells apart; `measures` are added up in each cell. `match`, which an
    index can serve, and `where` say which documents count at all. `$match` looks into arrays; if
    `plain` names fields and none of them ever held one, `match` and a window ask for all that
    `where` does: it is left out, and an index may answer without the documents. Expressions may
    use `$$now` (the request's time) and `$$low_stock_threshold` (the setting). `coarser` are sets
    of fewer dimensions whose cells are worth keeping, too, where cells are materialised. Cells of
    a cube with `buckets`, finest first, are kept by buckets of `created_at` of these sizes, each
    a multiple of the one before it: what windows of time are put together from.
    """

    name: str
    source: type[Document]
    dimensions: Mapping[str, Expression]
    measures: Mapping[str, Expression]
    where: Expression | None = None
    match: Mapping[str, Any] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()
    coarser: Sequence[frozenset[str]] = ()
    buckets: Sequence[timedelta] = ()

    def slice(self, *dimensions: str, measures: Collection[str]) -> "Slice":
        """The cells by `dimensions`, with `measures` added up in each."""
        if unknown := {*dimensions} - {*self.dimensions} | {*measures} - {*self.measures}:
            raise KeyError(f"cube {self.name} has no {', '.join(sorted(unknown))}")
        return Slice(self, frozenset(dimensions), frozenset(measures))

    def path(self, dimension: str) -> str:
        """The field of a dimension that is a plain one."""
        path: str = self.dimensions[dimension]
        return path.removeprefix("$")

    def counted(self) -> list[Stage]:
        """The stages that leave the documents that count."""
        stages: list[Stage] = [{"$match": dict(self.match)}] if self.match else []
        return stages if self.where is None else [*stages, {"$match": {"$expr": self.where}}]

    def group(self, dimensions: Collection[str], measures: Collection[str]) -> list[Stage]:
        """The stages that make cells of the documents that count."""
        cell = {name: self.dimensions[name] for name in sorted(dimensions)}
        sums = {name: {"$sum": self.measures[name]} for name in sorted(measures)}
        return [{"$group": {"_id": cell or None, **sums}}]


@dataclass(frozen=True)
class Slice:
    """A part of a cube: some dimensions, some measures, and perhaps only some keys of one.

    Perhaps only of a window of time, and only the `top` cells by a dimension, with their number.
    """

    cube: Cube
    dimensions: frozenset[str]
    measures: frozenset[str]
    key: str | None = None
    keys: frozenset[Hashable] = frozenset()
    window: Window | None = None
    plain: frozenset[str] = frozenset()
    top: tuple[str, int] | None = None

    def only(self, dimension: str, values: Iterable[Any]) -> Self:
        """Of this slice, the cells with these values of a dimension that is a plain field."""
        return replace(
            self,
            dimensions=self.dimensions | {dimension},
            key=dimension,
            keys=frozenset(map(key_of, values)),
        )

    def during(self, window: Window, plain: frozenset[str] = frozenset()) -> Self:
        """Of this slice, what was created in a window; `plain` fields hold no array anywhere."""
        return replace(self, window=window, plain=plain)

    def largest(self, dimension: str, count: int) -> Self:
        """Of this slice, so many cells with the largest keys of a dimension; ties by the others."""
        return replace(self, dimensions=self.dimensions | {dimension}, top=(dimension, count))

    @property
    def source(self) -> type[Document]:
        return self.cube.source

    @property
    def batch(self) -> Hashable:
        """Slices with an equal batch merge into one aggregation."""
        whole = self.top is None
        return self.cube, self.key, self.window, self.plain, whole or self

    def merge(self, other: Self) -> Self:
        """The smallest slice that answers both."""
        return replace(
            self,
            dimensions=self.dimensions | other.dimensions,
            measures=self.measures | other.measures,
            keys=self.keys | other.keys,
        )

    def pipeline(self) -> list[Stage]:
        """The aggregation that answers this slice."""
        cube = self.cube
        match = dict(cube.match)
        if self.window is not None:
            match["created_at"] = {"$gte": self.window.start, "$lt": self.window.end}
        if self.key is not None:
            match[cube.path(self.key)] = {"$in": [raw(key) for key in self.keys]}
        stages: list[Stage] = [{"$match": match}] if match else []
        if cube.where is not None and not (cube.plain and cube.plain <= self.plain):
            stages.append({"$match": {"$expr": cube.where}})
        return [*stages, *cube.group(self.dimensions, self.measures), *self.largest_of()]

    def largest_of(self) -> list[Stage]:
        """The stages that leave the top ones of its cells."""
        if self.top is None:
            return []
        by, count = self.top
        others = {f"_id.{name}": 1 for name in sorted(self.dimensions - {by})}
        return [{"$sort": {f"_id.{by}": -1} | others}, {"$limit": count}]

    def answer(self, documents: Sequence[Mapping[str, Any]]) -> "Cells":
        """This slice's cells, from the documents that its, or a merged slice's, pipeline gave."""
        cells = Cells(documents)
        return cells if self.key is None else cells.only(self.key, self.keys)


class Cells:
    """Cells of a cube. They may be finer than was asked for: what is read from them are sums."""

    def __init__(self, documents: Sequence[Mapping[str, Any]]) -> None:
        self._documents = documents

    def sum(self, measure: str, **where: Collection[Hashable]) -> Any:
        """The total of a measure, over the cells whose dimensions are among the given keys."""
        return sum(
            exact(document[measure])
            for document in self._documents
            if all(document["_id"].get(name) in keys for name, keys in where.items())
        )

    def by(self, dimension: str) -> "dict[Hashable, Cells]":
        """The cells of each key of a dimension."""
        groups: defaultdict[Hashable, list[Mapping[str, Any]]] = defaultdict(list)
        for document in self._documents:
            groups[key_of(document["_id"].get(dimension))].append(document)
        return {key: Cells(group) for key, group in groups.items()}

    def totals(
        self, dimension: str, measures: Collection[str]
    ) -> dict[Hashable, dict[str, int | Fraction]]:
        """The totals of measures, of each key of a dimension."""
        totals: dict[Hashable, dict[str, int | Fraction]] = {}
        for document in self._documents:
            key = key_of(document["_id"].get(dimension))
            numbers: dict[str, int | Fraction] = {
                # Most are whole: to call for each takes twice as long.
                measure: number if type(number := document[measure]) is int else exact(number)
                for measure in measures
            }
            if (before := totals.get(key)) is not None:
                numbers = {measure: before[measure] + numbers[measure] for measure in measures}
            totals[key] = numbers
        return totals

    def only(self, dimension: str, values: Iterable[Any]) -> "Cells":
        """The cells with these values of a dimension."""
        keys = {*map(key_of, values)}
        return Cells([d for d in self._documents if key_of(d["_id"].get(dimension)) in keys])

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._documents)


def by_cube(slices: Iterable[Slice]) -> dict[Cube, Slice]:
    """Of each cube the smallest slice that answers all of its."""
    merged: dict[Cube, Slice] = {}
    for one in slices:
        merged[one.cube] = merged.setdefault(one.cube, one).merge(one)
    return merged


def exact(value: int | float | Decimal128) -> int | Fraction:
    """A sum that MongoDB gave, as a number that adds up exactly."""
    if type(value) is int:
        return value
    return Fraction(value.to_decimal()) if isinstance(value, Decimal128) else int(value)
