"""KPIs: each is declared once, for totals and for rows alike.

A declaration says what a number means, in which unit, who may read it, which slices it needs and
how it is folded from their cells. The schema's field, the order of rows, the export's column and
the table in docs/kpis.md take what they need from it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar, get_type_hints, overload

from auth.viewer import Permission, Role
from cubes.cube import Slice
from resolvers.kpi.terms import ColumnOf, Ratio, Term, Total, Values, declared, sources
from resolvers.kpi.units import COUNT, Unit
from resolvers.kpi.values import FieldDeclaration, fields_of_values

_T = TypeVar("_T")
_Kind = TypeVar("_Kind")

Readers: TypeAlias = Permission | tuple[Role, ...] | None
"""The readers of a field: staff with a permission, or roles; None for those of its parent."""

EVERY_ROLE: Final = tuple(Role)
"""The readers of a field that every caller may read, beside fields that only some may read."""


class Kpi(Generic[_T]):
    """A field of stats. On an instance of stats it is the value, computed when it is read."""

    name: str
    slices: Sequence[Slice] = ()
    columns: frozenset[str] = frozenset()

    def __init__(
        self, description: str, unit: Unit[Any] | None, *, readers: Readers, sortable: bool
    ) -> None:
        if not description:
            raise TypeError("A KPI needs a description: say what the number means.")
        self.description = description
        self.unit = unit
        self.readers = readers
        self.sortable = sortable
        self.__doc__ = description

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, stats: None, owner: type) -> Self: ...
    @overload
    def __get__(self, stats: Values, owner: type) -> _T: ...
    def __get__(self, stats: Values | None, owner: type) -> Self | _T:
        return self if stats is None else self.values(stats)[0]

    def values(self, values: Values) -> Sequence[_T]:
        """The KPI's value, for each row."""
        raise NotImplementedError

    @property
    def type(self) -> Any:
        """The Python type of its values."""
        return self.unit.type if self.unit else object

    @property
    def declaration(self) -> FieldDeclaration:
        """The KPI as the schema and the docs need it."""
        return FieldDeclaration(self.name, self.type, self.description, self.unit, self.readers)


class _Number(Kpi[_T]):
    def __init__(
        self, description: str, unit: Unit[_T], term: Term, readers: Readers, sortable: bool
    ) -> None:
        super().__init__(description, unit, readers=readers, sortable=sortable)
        # A unit that the term can't have fails here, at import.
        unit.rounded([0], [1] if isinstance(term, Ratio) else None)
        self._term = term
        self._unit = unit
        self.slices = [each.slice for each in sources(term) if isinstance(each, Total)]
        self.columns = _columns(term)

    def values(self, values: Values) -> Sequence[_T]:
        return _rounded(self._unit, self._term, values)


class _Parts(Kpi[_T]):
    def __init__(
        self, description: str, kind: Callable[..., _T], parts: Mapping[str, Term], readers: Readers
    ) -> None:
        super().__init__(description, None, readers=readers, sortable=False)
        self._kind = kind
        units = {each.name: each.unit or COUNT for each in fields_of_values(kind)}
        if parts.keys() != units.keys():
            raise TypeError(f"{kind} needs a term for each of {', '.join(units)}.")
        self._parts = {name: (units[name], parts[name]) for name in units}
        terms = [*parts.values()]
        self.slices = [
            each.slice for term in terms for each in sources(term) if isinstance(each, Total)
        ]
        self.columns = frozenset().union(*map(_columns, terms))

    @property
    def type(self) -> Any:
        return self._kind

    def values(self, values: Values) -> Sequence[_T]:
        columns = (_rounded(unit, term, values) for unit, term in self._parts.values())
        return [*map(self._kind, *columns)]


class _Fold(Kpi[_T]):
    def __init__(self, fold: Callable[..., _T], slices: Sequence[Slice], readers: Readers) -> None:
        description = " ".join((fold.__doc__ or "").split())
        super().__init__(description, None, readers=readers, sortable=False)
        for one in slices:
            declared(one.cube)
        self.fold = fold
        self.slices = slices

    @property
    def type(self) -> Any:
        return get_type_hints(self.fold)["return"]

    @property
    def declaration(self) -> FieldDeclaration:
        unit = COUNT if self.type is int else None
        return FieldDeclaration(self.name, self.type, self.description, unit, self.readers)

    def values(self, values: Values) -> Sequence[_T]:
        return [
            self.fold(values, *cells)
            for cells in zip(*(values.cells(one) for one in self.slices), strict=True)
        ]


class _Column(Kpi[_T]):
    def __init__(
        self,
        description: str,
        unit: Unit[Any],
        column: str,
        read: Callable[[Any], _T] | None,
        type: Any,
        sortable: bool,
    ) -> None:
        super().__init__(description, unit, readers=None, sortable=sortable)
        self._column = column
        self._read = read
        self._type = type
        self.columns = frozenset({column})

    @property
    def type(self) -> Any:
        return self._type

    def values(self, values: Values) -> Sequence[Any]:
        found = values.column(self._column)
        return found if self._read is None else [*map(self._read, found)]


class _Attribute(Kpi[_T]):
    def values(self, values: Values) -> Sequence[_T]:
        return [getattr(values, f"_{self.name}")]


def kpi(
    unit: Unit[_T],
    description: str,
    term: Term,
    *,
    readers: Readers = None,
    sortable: bool = False,
) -> Kpi[_T]:
    """A number: `kpi(COUNT, "All orders.", total(ORDERS, "orders"))`.

    `sortable` rows can be ordered by it.
    """
    return _Number(description, unit, term, readers, sortable)


def parts(
    kind: Callable[..., _Kind],
    description: str,
    terms: Mapping[str, Term],
    *,
    readers: Readers = None,
) -> Kpi[_Kind]:
    """Several numbers in one value: a term for each field of `kind`, in the field's unit."""
    return _Parts(description, kind, terms, readers)


def fold(*slices: Slice, readers: Readers = None) -> Callable[[Callable[..., _T]], Kpi[_T]]:
    """Declares a method `(self, cells, …)` as a KPI folded from the cells of slices.

    The method's docstring is the KPI's description, its return type the KPI's. `self` is the stats
    of one total, or the rows.
    """
    return lambda function: _Fold(function, slices, readers)


def column(
    unit: Unit[_T],
    description: str,
    name: str,
    *,
    read: Callable[[Any], _T] | None = None,
    sortable: bool = False,
) -> Kpi[_T]:
    """A column of the row's document, as `read` shows it."""
    return _Column(description, unit, name, read, unit.type, sortable)


def optional_column(
    unit: Unit[_T],
    description: str,
    name: str,
    *,
    read: Callable[[Any], _T | None] | None = None,
    sortable: bool = False,
) -> Kpi[_T | None]:
    """A column of the row's document that may be null."""
    return _Column(description, unit, name, read, unit.type | None, sortable)


def attribute(unit: Unit[_T], description: str) -> Kpi[_T]:
    """A field that the stats compute themselves, as `_` and its name."""
    return _Attribute(description, unit, readers=None, sortable=False)


def kpis_of(stats: type) -> Iterator[Kpi[Any]]:
    """The KPIs that a class declares, in the order of their declaration; inherited ones first."""
    found: dict[str, Kpi[Any]] = {}
    for kind in reversed(stats.__mro__):
        found |= {name: each for name, each in vars(kind).items() if isinstance(each, Kpi)}
    return iter(found.values())


def declarations_of(declared: type) -> Sequence[FieldDeclaration]:
    """The declarations of the fields of stats or of a `value`."""
    kpis = [each.declaration for each in kpis_of(declared)]
    return kpis or fields_of_values(declared)


def _rounded(unit: Unit[_T], term: Term, values: Values) -> Sequence[_T]:
    if isinstance(term, Ratio):
        return unit.rounded(term.numerator.numbers(values), term.denominator.numbers(values))
    return unit.rounded(term.numbers(values), None)


def _columns(term: Term) -> frozenset[str]:
    return frozenset(each.column for each in sources(term) if isinstance(each, ColumnOf))
