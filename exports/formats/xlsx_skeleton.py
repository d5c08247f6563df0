"""A workbook without its rows, made by openpyxl: styles, headers, widths, filters, properties."""

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

# The number format and the width of each kind.
_LOOKS: Final[Mapping[Kind, tuple[str, int]]] = {
    # Text, so that what looks like a formula stays text even if somebody edits the cell.
    Kind.TEXT: ("@", 26),
    Kind.WHOLE: ("0", 12),
    Kind.MONEY: ("#,##0.00", 14),
    Kind.PERCENTAGE: ("0.0", 12),
    Kind.MOMENT: ("DD/MM/YYYY HH:MM", 17),
    Kind.DAY: ("DD/MM/YYYY", 12),
    Kind.FLAG: ("General", 10),
    Kind.YES_NO: ("@", 10),
    Kind.NESTED: ("@", 40),
}
_ROWS: Final = re.compile(rb'<row r="2".*</row>(?=</sheetData>)', re.DOTALL)
_STYLE: Final = re.compile(rb'<c r="[A-Z]+2"(?: s="(\d+)")?')
_FILTERED: Final = re.compile(rb'(<autoFilter ref="A1:[A-Z]+)\d+')
_DIMENSION: Final = re.compile(rb"<dimension [^>]*/>")


@dataclass(frozen=True, slots=True)
class Frame:
    """A worksheet's XML around its rows; the number of each column's style."""

    before: bytes
    styles: Sequence[int]
    _after: bytes

    def after(self, count: int) -> bytes:
        """What follows so many rows."""
        return _FILTERED.sub(rb"\g<1>%d" % (count + 1), self._after)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Frames of worksheets, and the other files of the workbook by name."""

    frames: Sequence[Frame]
    parts: Mapping[str, bytes]


def skeleton(
    sheets: Sequence[tuple[str, Sequence[Column], int]], created: datetime, title: str, zone: str
) -> Skeleton:
    """A workbook of sheets: title, columns, number of rows."""
    book = Workbook()
    book.remove(book.active or book.worksheets[0])
    book.properties.title = title
    book.properties.creator = "Headcount"
    book.properties.description = f"Times are those of the time zone {zone}."
    book.properties.created = book.properties.modified = created.replace(tzinfo=None)
    for name, columns, count in sheets:
        _draw(book.create_sheet(name), columns, count)
    packed = BytesIO()
    book.save(packed)
    with ZipFile(packed) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    frames = [_frame(parts.pop(sheet_file(place))) for place in range(len(sheets))]
    return Skeleton(frames, parts)


def sheet_file(place: int) -> str:
    """The name of the file of the sheet at a place, the first being 0."""
    return f"xl/worksheets/sheet{place + 1}.xml"


def _draw(sheet: Worksheet, columns: Sequence[Column], count: int) -> None:
    for number, column in enumerate(columns, 1):
        format, width = _LOOKS[column.kind]
        header = sheet.cell(1, number, column.title)
        header.font = Font(bold=True, color="FFFFFF")
        header.fill = PatternFill("solid", start_color="1F4E78")
        header.alignment = Alignment(vertical="center", wrap_text=True)
        # With a value, as a cell that has neither value nor style is not written.
        sheet.cell(2, number, 0).number_format = format
        sheet.column_dimensions[get_column_letter(number)].width = column.width or width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{count + 1}"


def _frame(xml: bytes) -> Frame:
    # It would tell readers of one row.
    before, after = _ROWS.split(_DIMENSION.sub(b"", xml))
    return Frame(before, [int(style or 0) for style in _STYLE.findall(xml)], after)
