"""The file types of exports. A new format is a writer, and an entry here."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, TypeAlias

from exports.formats.csv_writer import csv_file, csv_zip
from exports.formats.json_writer import json_file
from exports.formats.xlsx_writer import xlsx
from exports.reports.report import Report

Writer: TypeAlias = Callable[[Report, tzinfo], AsyncGenerator[bytes]]
"""Yields the bytes of a report's file; times are in the given time zone."""


@dataclass(frozen=True, slots=True)
class FileType:
    """A file type: the suffix of file names, without the dot, the media type and the writer."""

    suffix: str
    media_type: str
    writer: Writer


XLSX: Final = FileType(
    "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx
)
CSV: Final = FileType("csv", "text/csv; charset=utf-8", csv_file)
CSV_ZIP: Final = FileType("zip", "application/zip", csv_zip)
JSON: Final = FileType("json", "application/json; charset=utf-8", json_file)
