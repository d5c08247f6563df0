"""Stats: results made of KPIs, as one total or as rows. Only selected KPIs are loaded."""

import asyncio
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import make_dataclass
from functools import cache, lru_cache
from itertools import repeat
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeVar, cast

from cubes.cells import Cells, CubeError, Number
from cubes.cube import Cube, Slice
from cubes.keys import key_of
from cubes.merging import merged
from cubes.rows import Row, Table
from loaders.computing import MANY
from loaders.loader import Loader
from resolvers.kpi.declarations import Kpi, kpis_of
from resolvers.kpi.identity import identity
from resolvers.kpi.terms import ColumnOf, Source
from resolvers.stored_values import key

_T = TypeVar("_T")
_Stats = TypeVar("_Stats", bound="Stats")

Where = Mapping[Cube, Mapping[str, Collection[Hashable]]]
"""Cube → dimension → the keys that count, for all KPIs of the cube."""


class Failed:
    """An error of a load, raised again by each KPI that needs what was loaded.

    It is raised from where it happened: else its trace would grow with each KPI and request.
    """

    def __init__(self, error: BaseException) -> None:
        self._error = error
        self._traceback = error.__traceback__

    def raise_again(self) -> NoReturn:
        """Raises the error."""
        raise self._error.with_traceback(self._traceback)


def loaded(found: _T | BaseException) -> _T | Failed:
    """What `gather` found, or its failure."""
    return Failed(found) if isinstance(found, BaseException) else found


class Stats:
    """One total: each KPI is read from the cells of all that is counted.

    If a cube could not be loaded, each KPI that needs it raises the error; the others answer.

    Stats of rows name the `table` of the rows' documents, and the dimension `key` that has the
    documents' `_id`s as its keys: `class EventStats(Stats, table=EVENT_ROWS, key="event")`.
    """

    key: ClassVar[str]
    _id: str

    id = identity()

    def __init_subclass__(cls, table: Table | None = None, key: str = "") -> None:
        super().__init_subclass__()
        if table is not None:
            cls.key = key
            _check_rows(cls, table, key)

    def __init__(
        self, cells: Mapping[Hashable, Cells | BaseException], where: Where | None = None
    ) -> None:
        self._cells = {family: loaded(each) for family, each in cells.items()}
        self._where = where or {}

    @classmethod
    async def load(
        cls,
        selected: Collection[str],
        loader: Loader,
        *,
        where: Where | None = None,
        in_window: Callable[[Slice], Slice] = lambda one: one,
    ) -> Self:
        """Loads one slice a family for the selected KPIs, each restricted by `in_window`."""
        slices = slices_of(kpis(cls, selected), where or {})
        cells = await asyncio.gather(
            *(loader.load(in_window(one)) for one in slices.values()), return_exceptions=True
        )
        return cls(dict(zip(slices, cells, strict=True)), where)

    async def precomputed(self, selected: Collection[str]) -> Self:
        """The same stats. With many cells, the selected KPIs are computed here, in a thread."""

        def compute() -> None:
            for each in kpis(type(self), selected):
                # A KPI that fails raises its error when it is read.
                with suppress(Exception):
                    if each.slices:
                        vars(self)[each.name] = each.values(self)[0]

        size = sum(each.size for each in self._cells.values() if isinstance(each, Cells))
        if size >= MANY:
            await asyncio.to_thread(compute)
        return self

    def of_slice(self, one: Slice) -> Cells:
        """The cells of a slice's family; raises the error if they could not be loaded."""
        cells = self._cells[one.family]
        if isinstance(cells, Failed):
            cells.raise_again()
        for dimension, keys in self._where.get(one.cube, {}).items():
            cells = cells.only(dimension, keys)
        return cells

    def numbers(self, source: Source) -> Sequence[Number]:
        """The sum of a measure, as the only row."""
        if isinstance(source, ColumnOf):
            raise TypeError(f"A total has no column {source.column}.")
        return [self.of_slice(source.slice).sum(source.measure, **dict(source.where))]

    def cells(self, one: Slice) -> Sequence[Cells]:
        """The cells of a slice, as the only row."""
        return [one.view(self.of_slice(one))]

    def column(self, name: str) -> Sequence[object]:
        """Raises `TypeError`: a total has no document."""
        raise TypeError(f"A total has no column {name}.")

    def with_id(self, id: str) -> Self:
        """The same stats, identified."""
        self._id = id
        return self

    def ids(self) -> Sequence[str]:
        """The id of the only row."""
        return [self._id]


class Rows(Generic[_Stats]):
    """Rows of stats: one per document, with the document's cells."""

    def __init__(
        self,
        kind: type[_Stats],
        documents: Sequence[Row],
        cells: Mapping[Hashable, Cells],
    ) -> None:
        self._kind = kind
        self._dimension = kind.key
        self._documents = documents
        self._keys = [key_of(document["_id"]) for document in documents]
        self._cells = cells
        self._numbers: dict[Source, Sequence[Number]] = {}

    def numbers(self, source: Source) -> Sequence[Number]:
        """The sum of a measure, or a number of the document, for each row."""
        if source not in self._numbers:
            self._numbers[source] = self._read(source)
        return self._numbers[source]

    def _read(self, source: Source) -> Sequence[Number]:
        if isinstance(source, ColumnOf):
            return [document.get(source.column, 0) for document in self._documents]
        cells = self._cells.get(source.slice.family)
        if cells is None:
            return [0] * len(self._keys)
        totals = cells.totals(self._dimension, source.measure, **dict(source.where))
        return [totals.get(key, 0) for key in self._keys]

    def cells(self, one: Slice) -> Sequence[Cells]:
        """The cells of a slice, for each row."""
        cells = self._cells.get(one.family)
        nothing = Cells((), one.cell_dimensions, one.measures, (cells or one.answer([])).values)
        by_key = one.view(cells, self._dimension).by(self._dimension) if cells else {}
        return [by_key.get(key, nothing) for key in self._keys]

    def column(self, name: str) -> Sequence[object]:
        """A column of the documents."""
        return [document.get(name) for document in self._documents]

    def ids(self) -> Sequence[str]:
        """The ids of the documents."""
        return [key(document["_id"]) for document in self._documents]

    def page(self, by: str, *, descending: bool, start: int, stop: int) -> "Rows[_Stats]":
        """The rows `start` to `stop` (excluded), ordered by a KPI; ties stay in their order.

        Only numbers are sorted: there may be many more rows than the page has.
        """
        values: Sequence[Any] = getattr(self._kind, by).values(self)
        order = sorted(range(len(values)), key=values.__getitem__, reverse=descending)
        documents = [self._documents[index] for index in order[start:stop]]
        return Rows(self._kind, documents, self._cells)

    def made(self, selected: Collection[str]) -> list[_Stats]:
        """The rows as objects whose attributes are the selected KPIs; the others are None."""
        every, count = [*kpis_of(self._kind)], len(self._keys)
        row = row_type(self._kind)
        columns = [
            each.values(self) if each.name in selected else repeat(None, count) for each in every
        ]
        return cast("list[_Stats]", [*map(row, *columns)])


def row_type(kind: type[Stats]) -> type:
    """The class of a row: it has an attribute for each KPI, which is read fastest."""
    return _made(kind.__name__, tuple(each.name for each in kpis_of(kind)))


@cache
def _made(kind: str, names: tuple[str, ...]) -> type:
    return make_dataclass(f"{kind}Row", names, slots=True)


def kpis(kind: type[Stats], selected: Collection[str]) -> list[Kpi[Any]]:
    """The selected KPIs of a kind of stats."""
    return [each for each in kpis_of(kind) if each.name in selected]


def slices_of(needing: Iterable[Kpi[Any]], where: Where | None = None) -> Mapping[Hashable, Slice]:
    """Family → the one slice that KPIs need of it."""
    found = _merged(tuple(needing))
    if not where:
        return found
    return {family: one.with_dimensions(*where.get(one.cube, {})) for family, one in found.items()}


@lru_cache(1_000)
def _merged(needing: tuple[Kpi[Any], ...]) -> Mapping[Hashable, Slice]:
    return merged(one for each in needing for one in each.slices)


def _check_rows(stats: type, table: Table, key: str) -> None:
    """Raises `CubeError` for a KPI of rows whose column or cube can't be right.

    Columns have to be of the rows' `table`. Cubes have to have the dimension `key`.
    """
    columns = {"_id", *table.columns}
    for each in kpis_of(stats):
        if wrong := sorted(each.columns - columns):
            raise CubeError(
                f"{stats.__name__}.{each.name}: there is no column {', '.join(wrong)}; there are "
                f"{', '.join(sorted(columns))}."
            )
        for one in each.slices:
            if key not in one.cube.dimensions:
                raise CubeError(
                    f"{stats.__name__}.{each.name}: cube {one.cube.name} has no dimension {key}, "
                    "which rows are grouped by."
                )
