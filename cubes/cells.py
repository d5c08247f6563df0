"""Cells: what an aggregation of a slice returns, and what can be read from them."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from bson import Decimal128

from cubes.keys import key_of

TIME: Final = "time"
"""The time dimension of a slice that has a timeline or buckets; no cube declares it."""

Number = int | Fraction
"""A sum that is exact."""


class CubeError(LookupError):
    """A cube's declaration that can't be right, or something read that a slice does not have."""


class Cells:
    """The cells of a slice, `{_id: {dimension: value}, measure: sum}` each.

    They may be finer than the slice asks for, so what is read from them are sums. Raises
    `CubeError` for a dimension or measure that the slice does not have.
    """

    def __init__(
        self,
        documents: Sequence[Mapping[str, Any]],
        dimensions: frozenset[str],
        measures: frozenset[str],
        values: Mapping[str, Any] | None = None,
    ) -> None:
        self.values: Final = values or {}
        """The values that the slice carries, by name."""
        self._documents = documents
        self._dimensions = dimensions
        self._measures = measures
        self._totals: dict[Hashable, dict[Hashable, Number]] = {}
        self._keys_by: dict[str, list[Hashable]] = {}

    def sum(self, measure: str, **where: Collection[Hashable]) -> Number:
        """The total of a measure over the cells whose dimensions are among the given keys."""
        self._require(where, [measure])
        return sum(exact(document[measure]) for document in self._admitted(where)._documents)

    def by(self, dimension: str) -> "dict[Hashable, Cells]":
        """Key of a dimension → its cells."""
        groups: defaultdict[Hashable, list[Mapping[str, Any]]] = defaultdict(list)
        for key, document in zip(self._keys(dimension), self._documents, strict=True):
            groups[key].append(document)
        return {key: self._part(group) for key, group in groups.items()}

    def totals(
        self, dimension: str, measure: str, **where: Collection[Hashable]
    ) -> Mapping[Hashable, Number]:
        """Key of a dimension → the total of a measure, over the cells that `where` admits."""
        self._require(where, [measure])
        if where:
            return self._admitted(where).totals(dimension, measure)
        if (dimension, measure) not in self._totals:
            self._totals[dimension, measure] = self._added(dimension, measure)
        return self._totals[dimension, measure]

    def _added(self, dimension: str, measure: str) -> dict[Hashable, Number]:
        keys = self._keys(dimension)
        numbers = [
            # Almost all are integers: a call for each takes twice as long.
            number if type(number := document[measure]) is int else exact(number)
            for document in self._documents
        ]
        totals = dict(zip(keys, numbers, strict=True))
        if len(totals) < len(keys):
            totals = dict.fromkeys(totals, 0)
            for key, number in zip(keys, numbers, strict=True):
                totals[key] += number
        return totals

    def only(self, dimension: str, values: Iterable[Any]) -> "Cells":
        """The cells with these values of a dimension."""
        return self._admitted({dimension: [*map(key_of, values)]})

    def of(self, dimensions: frozenset[str], measures: frozenset[str]) -> "Cells":
        """The same cells for a reader that may use these dimensions and measures only."""
        self._require(dimensions, measures)
        return Cells(self._documents, dimensions, measures, self.values)

    @property
    def size(self) -> int:
        """The number of cells."""
        return len(self._documents)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._documents)

    def _part(self, documents: Sequence[Mapping[str, Any]]) -> "Cells":
        return Cells(documents, self._dimensions, self._measures, self.values)

    def _admitted(self, where: Mapping[str, Collection[Hashable]]) -> "Cells":
        documents = self._documents
        for dimension, values in where.items():
            keys = {*map(key_of, values)}
            own = self if documents is self._documents else self._part(documents)
            found = zip(own._keys(dimension), documents, strict=True)
            documents = [document for key, document in found if key in keys]
        return self._part(documents)

    def _keys(self, dimension: str) -> list[Hashable]:
        self._require([dimension])
        if dimension == TIME:
            return [document["_id"][TIME] for document in self._documents]
        if dimension not in self._keys_by:
            self._keys_by[dimension] = [
                key_of(document["_id"].get(dimension)) for document in self._documents
            ]
        return self._keys_by[dimension]

    def _require(self, dimensions: Iterable[str], measures: Iterable[str] = ()) -> None:
        if missing := {*dimensions} - self._dimensions | {*measures} - self._measures:
            names = ", ".join(sorted(missing))
            raise CubeError(
                f"The slice has no {names}: name it where the slice is made. It has "
                f"{', '.join(sorted(self._dimensions | self._measures))}."
            )


def exact(value: int | float | Decimal128) -> Number:
    """A sum that MongoDB returned, as a number that adds up exactly."""
    if type(value) is int:
        return value
    return Fraction(value.to_decimal()) if isinstance(value, Decimal128) else int(value)
