"""Workbooks without rows, made by openpyxl: styles, headers, widths, filters, properties."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Final
from zipfile import ZipFile

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from exports.reports.report import Column, Kind

# Kind → (number format, default width of the column).
_FORMATS: Final[Mapping[Kind, tuple[str, int]]] = {
    # Text format: a text that looks like a formula stays a text when a user edits the cell.
    Kind.TEXT: ("@", 26),
    Kind.INTEGER: ("0", 12),
    Kind.MONEY: ("#,##0.00", 14),
    Kind.PERCENTAGE: ("0.0", 12),
    Kind.DATE_TIME: ("DD/MM/YYYY HH:MM", 17),
    Kind.DATE: ("DD/MM/YYYY", 12),
    Kind.BOOLEAN: ("General", 10),
    Kind.YES_NO: ("@", 10),
    Kind.JSON: ("@", 40),
}
_ROWS: Final = re.compile(rb'<row r="2".*</row>(?=</sheetData>)', re.DOTALL)
_STYLE: Final = re.compile(rb'<c r="[A-Z]+2"(?: s="(\d+)")?')
_FILTERED: Final = re.compile(rb'(<autoFilter ref="A1:[A-Z]+)\d+')
_DIMENSION: Final = re.compile(rb"<dimension [^>]*/>")


@dataclass(frozen=True, slots=True)
class Frame:
    """The XML before and after a worksheet's rows, and the index of each column's style."""

    before: bytes
    styles: Sequence[int]
    _after: bytes

    def after(self, count: int) -> bytes:
        """The XML after `count` rows."""
        return _FILTERED.sub(rb"\g<1>%d" % (count + 1), self._after)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The frames of the worksheets, and the workbook's other files by name."""

    frames: Sequence[Frame]
    parts: Mapping[str, bytes]


def skeleton(
    sheets: Sequence[tuple[str, Sequence[Column], int]], created: datetime, title: str, zone: str
) -> Skeleton:
    """The skeleton of a workbook; `sheets` are (title, columns, number of rows)."""
    book = Workbook()
    book.remove(book.active or book.worksheets[0])
    book.properties.title = title
    book.properties.creator = "Headcount"
    book.properties.description = f"Times are in the time zone {zone}."
    book.properties.created = book.properties.modified = created.replace(tzinfo=None)
    for name, columns, count in sheets:
        _draw(book.create_sheet(name), columns, count)
    packed = BytesIO()
    book.save(packed)
    with ZipFile(packed) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    frames = [_frame(parts.pop(sheet_file(index))) for index in range(len(sheets))]
    return Skeleton(frames, parts)


def sheet_file(index: int) -> str:
    """The file name of the sheet with an index; the first is 0."""
    return f"xl/worksheets/sheet{index + 1}.xml"


def _draw(sheet: Worksheet, columns: Sequence[Column], count: int) -> None:
    for number, column in enumerate(columns, 1):
        format, width = _FORMATS[column.kind]
        header = sheet.cell(1, number, column.title)
        header.font = Font(bold=True, color="FFFFFF")
        header.fill = PatternFill("solid", start_color="1F4E78")
        header.alignment = Alignment(vertical="center", wrap_text=True)
        # openpyxl omits a cell that has neither a value nor a style.
        sheet.cell(2, number, 0).number_format = format
        sheet.column_dimensions[get_column_letter(number)].width = column.width or width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{count + 1}"


def _frame(xml: bytes) -> Frame:
    # The dimension would announce one row.
    before, after = _ROWS.split(_DIMENSION.sub(b"", xml))
    return Frame(before, [int(style or 0) for style in _STYLE.findall(xml)], after)
