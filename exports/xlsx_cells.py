"""Cells as the XML of a worksheet: a batch of rows, column by column."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final, TypeAlias

from openpyxl.utils import get_column_letter

from exports.report import Column, Kind, Rows
from exports.texts import day_text, local, moment_text, nested_text, once, yes_no

# UTF-16 units that a cell may hold, and characters that certainly do not have more.
_TEXT_MAX: Final = 32_767
_CERTAIN: Final = _TEXT_MAX // 2
# What XML can't hold as it is, and what readers take for an escape of a character.
_UNCLEAN: Final = re.compile(
    "[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)"
)
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "_": "_x005F_"}
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001
_DAY: Final = timedelta(days=1)
# Before it spreadsheets know no dates, or do not agree on them.
_FIRST_MOMENT: Final = datetime(1900, 3, 1)  # noqa: DTZ001

_Cell: TypeAlias = Callable[[Any], str]
"""What follows the reference in the XML of a value's cell."""


class Cells:
    """Writes the rows of a sheet of these columns; `styles` are the numbers of theirs."""

    def __init__(self, columns: Sequence[Column], styles: Sequence[int], zone: tzinfo) -> None:
        self._columns = [
            (f'<c r="{get_column_letter(number)}', _cell(column.kind, style, zone))
            for number, (column, style) in enumerate(zip(columns, styles, strict=True), 1)
        ]

    def rows(self, rows: Rows, first: int) -> bytes:
        """The XML of rows, of which the first has this number; there is at least one."""
        # A cell for nothing is left out: it is blank.
        columns = [
            [
                "" if value is None or value == "" else f"{start}{row}{cell(value)}"
                for row, value in enumerate(values, first)
            ]
            for (start, cell), values in zip(self._columns, zip(*rows, strict=True), strict=True)
        ]
        starts = [f'<row r="{row}">' for row in range(first, first + len(rows))]
        return ("</row>".join(map("".join, zip(starts, *columns, strict=True))) + "</row>").encode()


def _cell(kind: Kind, style: int, zone: tzinfo) -> _Cell:
    as_text, text_end = f'" s="{style}" t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>"
    as_number = f'" s="{style}"><v>'

    def text(value: str) -> str:
        # Most are ids or words, which hold nothing to look for.
        plain = value.isalnum() and len(value) <= _CERTAIN
        return f"{as_text}{value if plain else clean(value)}{text_end}"

    def number(value: object) -> str:
        return f"{as_number}{value}</v></c>"

    def moment(value: datetime) -> str:
        shown = local(value, zone)
        if shown < _FIRST_MOMENT:
            return text(moment_text(shown))
        # With fewer places LibreOffice shows every other minute as the one before.
        return f"{as_number}{(shown - _EPOCH) / _DAY:.11f}</v></c>"

    def day(value: date) -> str:
        if value < _FIRST_MOMENT.date():
            return text(day_text(value))
        return number((value - _EPOCH.date()).days)

    match kind:
        case Kind.TEXT:
            return text
        case Kind.MOMENT:
            return once(moment)
        case Kind.DAY:
            return day
        case Kind.FLAG:
            return lambda value: f'" s="{style}" t="b"><v>{int(value)}</v></c>'
        case Kind.YES_NO:
            return lambda value: text(yes_no(value))
        case Kind.NESTED:
            return lambda value: text(nested_text(value))
        case _:
            return number


def clean(text: str) -> str:
    """A text as XML, without what XML can't hold, and cut to what a cell can."""
    if len(text) > _CERTAIN:
        text = _cut(text)
    return _UNCLEAN.sub(lambda found: _ESCAPES.get(found[0], ""), text)


def _cut(text: str) -> str:
    units = text.encode("utf-16-le", "surrogatepass")[: 2 * _TEXT_MAX]
    return units.decode("utf-16-le", "ignore")
