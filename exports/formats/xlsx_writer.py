"""Any report as an Excel workbook, streamed: rows as XML into a frame that openpyxl made."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import tzinfo
from typing import IO, Final

from exports.formats.texts import local
from exports.formats.xlsx_cells import Cells
from exports.formats.xlsx_skeleton import Frame, Skeleton, sheet_file, skeleton
from exports.formats.zip_stream import MEMBER_MAX, ZipStream
from exports.reports.report import Batch, Report, Sheet

SHEET_ROWS: Final = 1_048_575
"""Rows that a sheet may have below its header."""


async def xlsx(report: Report, zone: tzinfo) -> AsyncGenerator[bytes]:
    """The workbook's bytes, as its rows come. What a sheet can't hold goes on in another."""
    written: list[tuple[Sheet, str, int]] = []
    frames = _skeleton(report, zone, [(sheet, sheet.title, 0) for sheet in report.sheets]).frames
    with ZipStream(local(report.generated_at, zone)) as archive:
        for sheet, frame in zip(report.sheets, frames, strict=True):
            parts = _Parts(sheet, frame, zone, archive, len(written))
            async with aclosing(report.batches(sheet)) as batches:
                async for batch in batches:
                    parts.write(batch)
                    if data := archive.take():
                        yield data
            written += parts.end()
        # Last, as they know how many sheets and rows there are.
        for name, content in _skeleton(report, zone, written).parts.items():
            with archive.open(name) as member:
                member.write(content)
        yield archive.close()


class _Parts:
    """A sheet, and those that it goes on in."""

    def __init__(
        self, sheet: Sheet, frame: Frame, zone: tzinfo, archive: ZipStream, place: int
    ) -> None:
        self._sheet = sheet
        self._frame = frame
        self._cells = Cells(sheet.columns, frame.styles, zone)
        self._archive = archive
        self._place = place
        self._counts: list[int] = []
        self._next()

    def write(self, batch: Batch) -> None:
        count = self._counts[-1]
        left = SHEET_ROWS - count
        if 0 < left < len(batch):
            self.write(batch.part(0, left))
            self.write(batch.part(left, len(batch)))
            return
        xml = self._cells.rows(batch.columns, count + 2)
        if left == 0 or (count and self._size + len(xml) > MEMBER_MAX):
            self._close()
            self._next()
            self.write(batch)
            return
        self._size += self._member.write(xml)
        self._counts[-1] += len(batch)

    def end(self) -> Sequence[tuple[Sheet, str, int]]:
        """The sheets that were written: title, number of rows."""
        self._close()
        return [
            (self._sheet, self._title(number), count) for number, count in enumerate(self._counts)
        ]

    def _next(self) -> None:
        name = sheet_file(self._place + len(self._counts))
        self._member: IO[bytes] = self._archive.open(name)
        self._size = self._member.write(self._frame.before)
        self._counts.append(0)

    def _close(self) -> None:
        self._member.write(self._frame.after(self._counts[-1]))
        self._member.close()

    def _title(self, number: int) -> str:
        return f"{self._sheet.title} ({number + 1})" if number else self._sheet.title


def _skeleton(report: Report, zone: tzinfo, sheets: Sequence[tuple[Sheet, str, int]]) -> Skeleton:
    described = [(title, sheet.columns, count) for sheet, title, count in sheets]
    return skeleton(described, report.generated_at, report.title, str(zone))
