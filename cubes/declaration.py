"""Declarations of cubes: dimensions and measures, as MongoDB expressions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar, Self

from beanie import Document

from cubes.cells import TIME
from cubes.checks import check
from cubes.expressions import Expression, bound, cell_key, references

Stage = dict[str, Any]
"""A stage of an aggregation pipeline."""


@dataclass(frozen=True, eq=False)
class CubeDeclaration:
    """The countable numbers of a collection.

    `dimensions` (name → expression) tell cells apart; `measures` (name → expression) are added up
    in each cell. `match`, which an index can serve, and `where` say which documents count.
    Expressions mention fields of the document, `Setting`s, and `$$name` for each of `parameters`,
    whose values a slice carries.

    `$match` looks into arrays and `where` does not. `array_guards` are the fields that `where`
    guards against arrays: if none of them ever held one, `where` is redundant and dropped.

    A rollup has cells by each set of dimensions in `rollup_levels`: by all dimensions if there is
    none. With `granularities` (finest first, each a multiple of the one before) its cells are by
    buckets of `created_at` of these sizes, from which any window is put together. `selective` is a
    dimension that is a field, and by which slices of a window pick few of the cells.

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
    selective: str | None = None

    EXPRESSIONS: ClassVar[tuple[str, ...]] = ("dimensions", "measures", "where")

    def __post_init__(self) -> None:
        check(self, document=[self.dimensions, self.measures, self.where])

    def field_of(self, dimension: str) -> str | None:
        """The path of the field that a dimension is; None if the dimension is computed."""
        expression = self.dimensions[dimension]
        path = next(references(expression), None)
        return path[1:] if path is not None and expression in (path, cell_key(path)) else None

    def bind(self, settings: Mapping[str, Any]) -> Self:
        """This cube with each `Setting` in its expressions replaced by the setting's value."""
        before = {name: getattr(self, name) for name in self.EXPRESSIONS}
        after = {name: bound(expression, settings) for name, expression in before.items()}
        return self if after == before else replace(self, **after)

    def documents(self) -> list[Stage]:
        """The `$match` stages for the documents that count."""
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
