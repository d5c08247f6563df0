"""Terms: the arithmetic of KPIs, over sums of measures and columns of rows."""

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

from cubes.cells import Cells, CubeError, Number
from cubes.cube import Cube, Slice
from cubes.registry import CUBES


@dataclass(frozen=True)
class Total:
    """The sum of a measure over the cells whose dimensions have the given keys."""

    cube: Cube
    measure: str
    where: tuple[tuple[str, frozenset[Hashable]], ...] = ()

    @property
    def slice(self) -> Slice:
        """The slice that the sum is read from."""
        one = self.cube.slice(*(name for name, _ in self.where), measures=[self.measure])
        for dimension, keys in self.where:
            if self.cube.field_of(dimension) is not None:
                one = one.only(dimension, keys)
        return one


@dataclass(frozen=True)
class ColumnOf:
    """A number that a row's document has."""

    column: str


Source: TypeAlias = Total | ColumnOf


class Values(Protocol):
    """The source of a term's numbers: one total, or a number for each of many rows."""

    def numbers(self, source: Source) -> Sequence[Number]:
        """The source's number, for each row."""

    def cells(self, one: Slice) -> Sequence[Cells]:
        """The slice's cells, for each row."""

    def column(self, name: str) -> Sequence[object]:
        """A column of the rows' documents."""

    def ids(self) -> Sequence[str]:
        """The id of the total, or the id of each row's document."""


@dataclass(frozen=True)
class Sum:
    """A sum of sources, each with an integer weight: `total(…) - total(…)`."""

    parts: tuple[tuple[Source, int], ...]

    def __add__(self, other: "Sum") -> "Sum":
        return Sum((*self.parts, *other.parts))

    def __sub__(self, other: "Sum") -> "Sum":
        return self + other * -1

    def __mul__(self, weight: int) -> "Sum":
        return Sum(tuple((source, weight * each) for source, each in self.parts))

    def __truediv__(self, other: "Sum") -> "Ratio":
        return Ratio(self, other)

    def numbers(self, values: Values) -> Sequence[Number]:
        """The sum, for each row."""
        (source, weight), *rest = self.parts
        if not rest and weight == 1:
            return values.numbers(source)
        columns = [[weight * n for n in values.numbers(source)] for source, weight in self.parts]
        return [sum(row) for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class Ratio:
    """A quotient of two sums, rounded once, by its unit."""

    numerator: Sum
    denominator: Sum


Term: TypeAlias = Sum | Ratio


def sources(term: Term) -> Iterator[Source]:
    """The sources that a term is computed from."""
    for each in (term.numerator, term.denominator) if isinstance(term, Ratio) else (term,):
        for source, _ in each.parts:
            yield source


def total(cube: Cube, measure: str, **where: Hashable | Collection[Hashable]) -> Sum:
    """The sum of a cube's measure: `total(ORDERS, "orders", status={"REFUNDED"})`.

    `where` names the keys of dimensions that count: several, or one. Raises `CubeError` for a
    measure or dimension that the cube does not have, and for a cube that is not declared.
    """
    keys = {
        name: frozenset(given if isinstance(given, set | frozenset | tuple | list) else [given])
        for name, given in where.items()
    }
    found = Total(declared(cube), measure, tuple(sorted(keys.items())))
    # A wrong name fails here, at import.
    _ = found.slice
    return Sum(((found, 1),))


def column_of(name: str) -> Sum:
    """A number of the row's document, by its column."""
    return Sum(((ColumnOf(name), 1),))


def declared(cube: Cube) -> Cube:
    """The cube; raises `CubeError` unless a module of `cubes/declared/` names it."""
    if cube not in cast("Collection[Cube]", CUBES):
        raise CubeError(f"Cube {cube.name} is not declared: name it in cubes/declared/.")
    return cube
