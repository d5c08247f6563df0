"""Tables: a row for each document of a collection, with columns computed in MongoDB."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from beanie import Document

from cubes.checks import check_fields, fields_of
from cubes.declaration import Stage
from cubes.expressions import Expression
from cubes.keys import key_of, values_of

KEYS_MAX: Final = 20_000
"""The keys that a lookup may name; a command has 16 MB at most."""

Row = Mapping[str, Any]
"""A document's `_id` and its columns."""


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of each document of a collection, as expressions.

    Raises `CubeError` if a column reads what is no field of the document.
    """

    source: type[Document]
    columns: Mapping[str, Expression]

    def __post_init__(self) -> None:
        check_fields("Table", self.source, fields_of([*self.columns.values()]))

    def project(self, columns: Collection[str]) -> Stage:
        return {"$project": {"_id": 1} | {name: self.columns[name] for name in sorted(columns)}}


@dataclass(frozen=True)
class Lookup:
    """The rows with these keys: of `_id`, or of `by`, a text column named like its field.

    `keys` are at most `KEYS_MAX`, or None for all rows. Where rows share a key, it is the one with
    the lowest `_id`.
    """

    table: Table
    columns: frozenset[str]
    keys: frozenset[Hashable] | None
    by: str = "_id"

    @property
    def source(self) -> type[Document]:
        return self.table.source

    @property
    def batch(self) -> Hashable:
        """Lookups with an equal batch merge into one aggregation."""
        return self.table, self.by

    def merge(self, other: Self) -> Self:
        """The smallest lookup that answers both."""
        keys = None
        if self.keys is not None and other.keys is not None:
            keys = self.keys | other.keys
        return replace(self, columns=self.columns | other.columns, keys=keys)

    def pipeline(self) -> list[Stage]:
        """The aggregation that answers this lookup."""
        columns = self.columns | ({self.by} - {"_id"})
        stages: list[Stage] = [{"$sort": {"_id": 1}}, self.table.project(columns)]
        if self.keys is None:
            return stages
        return [{"$match": {self.by: {"$in": values_of(self.keys)}}}, *stages]

    def answer(self, documents: Sequence[Row]) -> dict[Hashable, Row]:
        """Key → row, of the keys that have one."""
        rows: dict[Hashable, Row] = {}
        for document in documents:
            rows.setdefault(key_of(document[self.by]), document)
        if self.keys is None:
            return rows
        return {key: row for key, row in rows.items() if key in self.keys}


@dataclass(frozen=True)
class Order:
    """Rows by a column. Rows without a value come last in either direction; ties go by `_id`."""

    column: str
    descending: bool = False


@dataclass(frozen=True)
class Page:
    """A page of the rows whose columns have the given values, in an order or else by `_id`."""

    table: Table
    columns: frozenset[str]
    where: tuple[tuple[str, Any], ...] = ()
    order: Order | None = None
    skip: int = 0
    limit: int | None = None

    @property
    def source(self) -> type[Document]:
        return self.table.source

    @property
    def batch(self) -> Hashable:
        """Pages with an equal batch merge into one aggregation."""
        return replace(self, columns=frozenset())

    def merge(self, other: Self) -> Self:
        """The same page with the columns of both."""
        return replace(self, columns=self.columns | other.columns)

    def pipeline(self) -> list[Stage]:
        """The aggregation that answers this page."""
        columns = self.table.columns
        stages: list[Stage] = [
            {"$match": {"$expr": {"$eq": [columns[name], {"$literal": value}]}}}
            for name, value in self.where
        ]
        sort: dict[str, int] = {"_id": 1}
        if self.order is not None:
            key = columns[self.order.column]
            stages.append({"$set": {"_key": key, "_absent": {"$eq": [key, None]}}})
            sort = {"_absent": 1, "_key": -1 if self.order.descending else 1} | sort
        stages.append({"$sort": sort})
        if self.skip:
            stages.append({"$skip": self.skip})
        if self.limit is not None:
            stages.append({"$limit": self.limit})
        return [*stages, self.table.project(self.columns)]

    def answer(self, documents: Sequence[Row]) -> Sequence[Row]:
        """The rows, in order."""
        return documents
