"""Any report as CSV (RFC 4180, UTF-8 with BOM): one sheet as a file, several as a zip of files."""

import csv
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import tzinfo
from io import StringIO
from typing import Any, Final

from exports.formats.texts import day_text, each, local, moment_text, nested_text, yes_no
from exports.formats.zip_stream import MEMBER_MAX, ZipStream
from exports.reports.report import Batch, Column, Kind, Report

# What a spreadsheet would take for the start of a formula.
_FORMULA: Final = frozenset("=+-@\t\r")


async def csv_file(report: Report, zone: tzinfo) -> AsyncGenerator[bytes]:
    """The bytes of a report's only sheet, as its rows come."""
    (sheet,) = report.sheets
    lines = _Lines(sheet.columns, zone)
    yield lines.header()
    async with aclosing(report.batches(sheet)) as batches:
        async for batch in batches:
            yield lines.of(batch)


async def csv_zip(report: Report, zone: tzinfo) -> AsyncGenerator[bytes]:
    """The bytes of a zip with a file for each sheet, as its rows come.

    What a file of a zip can't hold, 2 GB, goes on in another.
    """
    with ZipStream(local(report.generated_at, zone)) as archive:
        for sheet in report.sheets:
            lines = _Lines(sheet.columns, zone)
            number = 1
            file = archive.open(f"{sheet.name}.csv")
            size = file.write(lines.header())
            async with aclosing(report.batches(sheet)) as batches:
                async for batch in batches:
                    text = lines.of(batch)
                    if size + len(text) > MEMBER_MAX:
                        file.close()
                        number += 1
                        file = archive.open(f"{sheet.name} ({number}).csv")
                        size = file.write(lines.header())
                    size += file.write(text)
                    if data := archive.take():
                        yield data
            file.close()
        yield archive.close()


class _Lines:
    def __init__(self, columns: Sequence[Column], zone: tzinfo) -> None:
        self._columns = columns
        self._shown = [_shown(column.kind, zone) for column in columns]

    def header(self) -> bytes:
        titles = [column.title for column in self._columns]
        return "\ufeff".encode() + _csv([titles])

    def of(self, batch: Batch) -> bytes:
        shown = [show(values) for show, values in zip(self._shown, batch.columns, strict=True)]
        return _csv(zip(*shown, strict=True))


def _csv(rows: Any) -> bytes:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _shown(kind: Kind, zone: tzinfo) -> Callable[[Sequence[Any]], Sequence[str | None]]:
    match kind:
        case Kind.TEXT:
            return _defused
        case Kind.MONEY:
            return each(lambda value: f"{value:.2f}")
        case Kind.PERCENTAGE:
            return each(lambda value: f"{value:.1f}")
        case Kind.MOMENT:
            return each(lambda value: moment_text(local(value, zone)))
        case Kind.DAY:
            return each(day_text)
        case Kind.FLAG:
            return each(lambda value: "true" if value else "false")
        case Kind.YES_NO:
            return each(yes_no)
        case Kind.NESTED:
            return each(nested_text)
        case _:
            return each(str)


def _defused(texts: Sequence[str | None]) -> Sequence[str | None]:
    if _FORMULA.isdisjoint(text[:1] for text in texts if text):
        return texts
    return [f"'{text}" if text and text[0] in _FORMULA else text for text in texts]
