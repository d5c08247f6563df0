"""Columns from declarations: a field's unit is the kind of its column's cells."""

from typing import Any, Final

from exports.reports.report import Column, Kind
from resolvers.kpi.declarations import declarations_of
from resolvers.kpi.units import (
    COUNT,
    DATE,
    DATE_TIME,
    FLAG,
    ID,
    JSON,
    MONEY,
    PERCENTAGE,
    TEXT,
    Unit,
    decimal,
)
from resolvers.kpi.values import FieldDeclaration

_KINDS: Final[dict[Unit[Any], Kind]] = {
    ID: Kind.TEXT, TEXT: Kind.TEXT, COUNT: Kind.INTEGER, FLAG: Kind.BOOLEAN, DATE: Kind.DATE,
    DATE_TIME: Kind.DATE_TIME, JSON: Kind.JSON, MONEY: Kind.MONEY, PERCENTAGE: Kind.PERCENTAGE,
    # Cells with as many places.
    decimal(2): Kind.MONEY, decimal(1): Kind.PERCENTAGE,
}  # fmt: skip


def column(declared: type, title: str, path: str, width: int | None = None) -> Column:
    """The column of a field of stats or a value; `path` leads to it, as `ticket_status.consumed`.

    Raises `LookupError` if there is no such field, or its unit has no kind of cells.
    """
    field = _field(declared, path)
    if field.unit not in _KINDS:
        raise LookupError(
            f"{declared.__name__}.{path} can't be a column: its unit is {field.unit}."
        )
    return Column(title, path, _KINDS[field.unit], width)


def _field(declared: type, path: str) -> FieldDeclaration:
    name, _, rest = path.partition(".")
    for each in declarations_of(declared):
        if each.name == name:
            return _field(each.type, rest) if rest else each
    names = ", ".join(each.name for each in declarations_of(declared))
    raise LookupError(f"{declared.__name__} has no field {path}; it has {names}.")
