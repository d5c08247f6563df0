"""Writes reports as CSV (RFC 4180, UTF-8 with BOM): a file for one sheet, a zip for several."""

import csv
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import tzinfo
from io import StringIO
from typing import Any, Final

from exports.formats.texts import column_of, date_text, date_time_text, json_text, local, yes_no
from exports.formats.zip_stream import MEMBER_MAX, ZipStream
from exports.reports.report import Batch, Column, Kind, Report

# Spreadsheets evaluate a text that starts with one of these as a formula.
_FORMULA: Final = frozenset("=+-@\t\r")


async def csv_file(report: Report, zone: tzinfo) -> AsyncGenerator[bytes]:
    """Yields the CSV file of a report with one sheet."""
    (sheet,) = report.sheets
    lines = _Lines(sheet.columns, zone)
    yield lines.header()
    async with aclosing(report.batches(sheet)) as batches:
        async for batch in batches:
            yield lines.of(batch)


async def csv_zip(report: Report, zone: tzinfo) -> AsyncGenerator[bytes]:
    """Yields a zip with a CSV file for each sheet.

    A sheet that exceeds `MEMBER_MAX` bytes continues in `<name> (2).csv`.
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
    """Formats the rows of a sheet."""

    def __init__(self, columns: Sequence[Column], zone: tzinfo) -> None:
        self._columns = columns
        self._formatters = [_formatter(column.kind, zone) for column in columns]

    def header(self) -> bytes:
        titles = [column.title for column in self._columns]
        return "\ufeff".encode() + _csv([titles])

    def of(self, batch: Batch) -> bytes:
        columns = zip(self._formatters, batch.columns, strict=True)
        return _csv(zip(*(format(values) for format, values in columns), strict=True))


def _csv(rows: Any) -> bytes:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _formatter(kind: Kind, zone: tzinfo) -> Callable[[Sequence[Any]], Sequence[str | None]]:
    match kind:
        case Kind.TEXT:
            return _escaped
        case Kind.MONEY:
            return column_of(lambda value: f"{value:.2f}")
        case Kind.PERCENTAGE:
            return column_of(lambda value: f"{value:.1f}")
        case Kind.DATE_TIME:
            return column_of(lambda value: date_time_text(local(value, zone)))
        case Kind.DATE:
            return column_of(date_text)
        case Kind.BOOLEAN:
            return column_of(lambda value: "true" if value else "false")
        case Kind.YES_NO:
            return column_of(yes_no)
        case Kind.JSON:
            return column_of(json_text)
        case _:
            return column_of(str)


def _escaped(texts: Sequence[str | None]) -> Sequence[str | None]:
    if _FORMULA.isdisjoint(text[:1] for text in texts if text):
        return texts
    return [f"'{text}" if text and text[0] in _FORMULA else text for text in texts]
