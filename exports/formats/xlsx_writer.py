"""Writes reports as Excel workbooks: streams the rows' XML into frames that openpyxl made."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import tzinfo
from typing import IO, Final

from exports.formats.texts import local
from exports.formats.xlsx_cells import SheetXml
from exports.formats.xlsx_skeleton import Frame, Skeleton, sheet_file, skeleton
from exports.formats.zip_stream import MEMBER_MAX, ZipStream
from exports.reports.report import Batch, Report, Sheet

SHEET_ROWS: Final = 1_048_575
"""The largest number of rows below the header of a sheet."""


async def xlsx(report: Report, zone: tzinfo) -> AsyncGenerator[bytes]:
    """Yields the workbook of a report. A sheet that is full continues in `<title> (2)`."""
    written: list[tuple[Sheet, str, int]] = []
    frames = _skeleton(report, zone, [(sheet, sheet.title, 0) for sheet in report.sheets]).frames
    with ZipStream(local(report.generated_at, zone)) as archive:
        for sheet, frame in zip(report.sheets, frames, strict=True):
            writer = _SheetWriter(sheet, frame, zone, archive, len(written))
            async with aclosing(report.batches(sheet)) as batches:
                async for batch in batches:
                    writer.write(batch)
                    if data := archive.take():
                        yield data
            written += writer.end()
        # Last, as they contain the numbers of sheets and rows.
        for name, content in _skeleton(report, zone, written).parts.items():
            with archive.open(name) as member:
                member.write(content)
        yield archive.close()


class _SheetWriter:
    """Writes a sheet of a report, and the sheets that continue it."""

    def __init__(
        self, sheet: Sheet, frame: Frame, zone: tzinfo, archive: ZipStream, index: int
    ) -> None:
        self._sheet = sheet
        self._frame = frame
        self._xml = SheetXml(sheet.columns, frame.styles, zone)
        self._archive = archive
        self._index = index
        self._counts: list[int] = []
        self._next()

    def write(self, batch: Batch) -> None:
        count = self._counts[-1]
        left = SHEET_ROWS - count
        if 0 < left < len(batch):
            self.write(batch.slice(0, left))
            self.write(batch.slice(left, len(batch)))
            return
        xml = self._xml.rows(batch.columns, count + 2)
        if left == 0 or (count and self._size + len(xml) > MEMBER_MAX):
            self._close()
            self._next()
            self.write(batch)
            return
        self._size += self._member.write(xml)
        self._counts[-1] += len(batch)

    def end(self) -> Sequence[tuple[Sheet, str, int]]:
        """The written sheets: (sheet of the report, title, number of rows)."""
        self._close()
        return [
            (self._sheet, self._title(number), count) for number, count in enumerate(self._counts)
        ]

    def _next(self) -> None:
        name = sheet_file(self._index + len(self._counts))
        self._member: IO[bytes] = self._archive.open(name)
        self._size = self._member.write(self._frame.before)
        self._counts.append(0)

    def _close(self) -> None:
        self._member.write(self._frame.after(self._counts[-1]))
        self._member.close()

    def _title(self, number: int) -> str:
        return f"{self._sheet.title} ({number + 1})" if number else self._sheet.title


def _skeleton(report: Report, zone: tzinfo, sheets: Sequence[tuple[Sheet, str, int]]) -> Skeleton:
    titled = [(title, sheet.columns, count) for sheet, title, count in sheets]
    return skeleton(titled, report.generated_at, report.title, str(zone))
