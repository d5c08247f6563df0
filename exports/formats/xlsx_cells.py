"""Writes batches of rows as the XML of a worksheet."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, Final, TypeAlias

from openpyxl.utils import get_column_letter

from exports.formats.texts import column_of, date_text, date_time_text, json_text, local, yes_no
from exports.reports.report import Column, Kind

# The size limit of a cell, in UTF-16 code units. A character has one or two.
_TEXT_MAX: Final = 32_767
_SHORT_TEXT: Final = _TEXT_MAX // 2
# XML's special and illegal characters, and underscores that start an escape such as `_x000D_`.
_SPECIAL: Final = re.compile(
    "[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)"
)
# The printable ones, and the start of an escape.
_PRINTABLE_SPECIAL: Final = ("&", "<", ">", "_x")
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "_": "_x005F_"}
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001
_DAY_SECONDS: Final = 86_400
# Spreadsheets have no dates before 1900, and disagree on those before March 1900.
_FIRST_DATE: Final = datetime(1900, 3, 1)  # noqa: DTZ001

_Column: TypeAlias = Callable[[Sequence[Any]], Sequence[str]]
"""Values of a column → XML of each cell after its reference; empty for a blank cell."""


class SheetXml:
    """Writes the rows of a sheet. `styles` has the index of each column's style."""

    def __init__(self, columns: Sequence[Column], styles: Sequence[int], zone: tzinfo) -> None:
        self._columns = [
            (f'<c r="{get_column_letter(number)}', _column(column.kind, style, zone))
            for number, (column, style) in enumerate(zip(columns, styles, strict=True), 1)
        ]

    def rows(self, columns: Sequence[Sequence[Any]], first: int) -> bytes:
        """The XML of rows, column by column; the first row has the number `first`."""
        numbers = [*map(str, range(first, first + len(columns[0])))]
        cells = [
            [
                f"{start}{number}{content}" if content else ""
                for number, content in zip(numbers, contents(values), strict=True)
            ]
            for (start, contents), values in zip(self._columns, columns, strict=True)
        ]
        starts = [f'<row r="{number}">' for number in numbers]
        return ("</row>".join(map("".join, zip(starts, *cells, strict=True))) + "</row>").encode()


def _column(kind: Kind, style: int, zone: tzinfo) -> _Column:
    as_text, text_end = f'" s="{style}" t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>"
    as_number = f'" s="{style}"><v>'

    def text(value: str) -> str:
        return f"{as_text}{clean(value)}{text_end}"

    def number(value: object) -> str:
        return f"{as_number}{value}</v></c>"

    def date_time(value: datetime) -> str:
        local_time = local(value, zone)
        if local_time < _FIRST_DATE:
            return text(date_time_text(local_time))
        # Unrounded: with fewer digits LibreOffice shows every other minute one minute early.
        return number((local_time - _EPOCH).total_seconds() / _DAY_SECONDS)

    def day(value: date) -> str:
        if value < _FIRST_DATE.date():
            return text(date_text(value))
        return number((value - _EPOCH.date()).days)

    def texts(values: Sequence[str | None]) -> Sequence[str]:
        if _is_clean("".join(filter(None, values))):
            return [f"{as_text}{value}{text_end}" if value else "" for value in values]
        return [text(value) if value else "" for value in values]

    match kind:
        case Kind.TEXT:
            return texts
        case Kind.DATE_TIME:
            return column_of(date_time)
        case Kind.DATE:
            return column_of(day)
        case Kind.BOOLEAN:
            return column_of(lambda value: f'" s="{style}" t="b"><v>{int(value)}</v></c>')
        case Kind.YES_NO:
            return column_of(lambda value: text(yes_no(value)))
        case Kind.JSON:
            return column_of(lambda value: text(json_text(value)))
        case _:
            return column_of(number)


def _is_clean(text: str) -> bool:
    """Whether `clean` would change nothing in the text or a part of it; a quick check."""
    return (
        len(text) <= _SHORT_TEXT
        and text.isprintable()
        and not any(special in text for special in _PRINTABLE_SPECIAL)
    )


def clean(text: str) -> str:
    """The text escaped for XML, without illegal characters, and cut to the size limit of a cell."""
    if len(text) > _SHORT_TEXT:
        text = _cut(text)
    return _SPECIAL.sub(lambda match: _ESCAPES.get(match[0], ""), text)


def _cut(text: str) -> str:
    units = text.encode("utf-16-le", "surrogatepass")[: 2 * _TEXT_MAX]
    return units.decode("utf-16-le", "ignore")
