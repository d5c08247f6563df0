"""Cells as the XML of a worksheet: a batch of rows, column by column."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, Final, TypeAlias

from openpyxl.utils import get_column_letter

from exports.formats.texts import day_text, each, local, moment_text, nested_text, yes_no
from exports.reports.report import Column, Kind

# UTF-16 units that a cell may hold, and characters that certainly do not have more.
_TEXT_MAX: Final = 32_767
_CERTAIN: Final = _TEXT_MAX // 2
# What XML can't hold as it is, and what readers take for an escape of a character.
_UNCLEAN: Final = re.compile(
    "[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)"
)
# What there is of it in texts without control characters.
_SUSPECT: Final = ("&", "<", ">", "_x")
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "_": "_x005F_"}
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001
_DAY_SECONDS: Final = 86_400
# Before it spreadsheets know no dates, or do not agree on them.
_FIRST_MOMENT: Final = datetime(1900, 3, 1)  # noqa: DTZ001

_Column: TypeAlias = Callable[[Sequence[Any]], Sequence[str]]
"""What follows the references in the XML of a column's cells; nothing for nothing: it is blank."""


class Cells:
    """Writes the rows of a sheet of these columns; `styles` are the numbers of theirs."""

    def __init__(self, columns: Sequence[Column], styles: Sequence[int], zone: tzinfo) -> None:
        self._columns = [
            (f'<c r="{get_column_letter(number)}', _column(column.kind, style, zone))
            for number, (column, style) in enumerate(zip(columns, styles, strict=True), 1)
        ]

    def rows(self, columns: Sequence[Sequence[Any]], first: int) -> bytes:
        """The XML of rows, of which the first has this number."""
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

    def moment(value: datetime) -> str:
        shown = local(value, zone)
        if shown < _FIRST_MOMENT:
            return text(moment_text(shown))
        # All its digits: with few LibreOffice shows every other minute as the one before.
        return number((shown - _EPOCH).total_seconds() / _DAY_SECONDS)

    def day(value: date) -> str:
        if value < _FIRST_MOMENT.date():
            return text(day_text(value))
        return number((value - _EPOCH.date()).days)

    def texts(values: Sequence[str | None]) -> Sequence[str]:
        if _plain("".join(filter(None, values))):
            return [f"{as_text}{value}{text_end}" if value else "" for value in values]
        return [text(value) if value else "" for value in values]

    match kind:
        case Kind.TEXT:
            return texts
        case Kind.MOMENT:
            return each(moment)
        case Kind.DAY:
            return each(day)
        case Kind.FLAG:
            return each(lambda value: f'" s="{style}" t="b"><v>{int(value)}</v></c>')
        case Kind.YES_NO:
            return each(lambda value: text(yes_no(value)))
        case Kind.NESTED:
            return each(lambda value: text(nested_text(value)))
        case _:
            return each(number)


def _plain(text: str) -> bool:
    """Whether there is certainly nothing to clean in a text, nor in any part of it."""
    return (
        len(text) <= _CERTAIN
        and text.isprintable()
        and not any(suspect in text for suspect in _SUSPECT)
    )


def clean(text: str) -> str:
    """A text as XML, without what XML can't hold, and cut to what a cell can."""
    if len(text) > _CERTAIN:
        text = _cut(text)
    return _UNCLEAN.sub(lambda found: _ESCAPES.get(found[0], ""), text)


def _cut(text: str) -> str:
    units = text.encode("utf-16-le", "surrogatepass")[: 2 * _TEXT_MAX]
    return units.decode("utf-16-le", "ignore")
