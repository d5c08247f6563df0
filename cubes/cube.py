"""Cubes: what can be counted in a collection, and the one `$group` that counts it.

A cube is declared once, as MongoDB expressions. A resolver asks for a `Slice` of it; slices that
look at the same documents merge into one; the merged slice compiles to one aggregation, whose
answer are `Cells`.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Self

from beanie import Document
from bson import Decimal128

from cubes.key import key_of, raw
from cubes.reading import Expression

Stage = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Cube:
    """What can be counted in a collection.

    `dimensions` tell the cells apart; `measures` are added up in each cell; `where` says which
    documents count at all. Expressions may use `$$now` (the request's time) and
    `$$low_stock_threshold` (the setting).
    """

    name: str
    source: type[Document]
    dimensions: Mapping[str, Expression]
    measures: Mapping[str, Expression]
    where: Expression | None = None

    def slice(self, *dimensions: str, measures: Collection[str]) -> "Slice":
        """The cells by `dimensions`, with `measures` added up in each."""
        if unknown := {*dimensions} - {*self.dimensions} | {*measures} - {*self.measures}:
            raise KeyError(f"cube {self.name} has no {', '.join(sorted(unknown))}")
        return Slice(self, frozenset(dimensions), frozenset(measures))


@dataclass(frozen=True)
class Slice:
    """A part of a cube: some dimensions, some measures, and perhaps only some keys of one."""

    cube: Cube
    dimensions: frozenset[str]
    measures: frozenset[str]
    key: str | None = None
    keys: frozenset[Hashable] = field(default=frozenset())

    def only(self, dimension: str, values: Iterable[Any]) -> Self:
        """Of this slice, the cells with these values of a dimension that is a plain field."""
        return replace(
            self,
            dimensions=self.dimensions | {dimension},
            key=dimension,
            keys=frozenset(map(key_of, values)),
        )

    @property
    def source(self) -> type[Document]:
        return self.cube.source

    @property
    def batch(self) -> Hashable:
        """Slices with an equal batch merge into one aggregation."""
        return self.cube, self.key

    def merge(self, other: Self) -> Self:
        """The smallest slice that answers both."""
        return replace(
            self,
            dimensions=self.dimensions | other.dimensions,
            measures=self.measures | other.measures,
            keys=self.keys | other.keys,
        )

    def pipeline(self) -> list[Stage]:
        """The aggregation that answers this slice: one `$group`."""
        cube = self.cube
        stages: list[Stage] = []
        if self.key is not None:
            keys = [raw(key) for key in self.keys]
            stages.append({"$match": {cube.dimensions[self.key][1:]: {"$in": keys}}})
        if cube.where is not None:
            stages.append({"$match": {"$expr": cube.where}})
        cell = {name: cube.dimensions[name] for name in sorted(self.dimensions)}
        sums = {name: {"$sum": cube.measures[name]} for name in sorted(self.measures)}
        stages.append({"$group": {"_id": cell or None, **sums}})
        return stages

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
    return Fraction(value.to_decimal()) if isinstance(value, Decimal128) else int(value)
