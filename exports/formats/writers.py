"""The writers of all formats: a further one is a file, and a line here."""

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import tzinfo
from typing import Final, TypeAlias

from exports.formats.csv_writer import csv_file, csv_zip
from exports.formats.json_writer import json_file
from exports.formats.xlsx_writer import xlsx
from exports.reports.report import Report

Writer: TypeAlias = Callable[[Report, tzinfo], AsyncGenerator[bytes]]
"""Gives the bytes of a report as its rows come, with the times of a zone."""

WRITERS: Final[Mapping[str, Writer]] = {
    "xlsx": xlsx,
    "csv": csv_file,
    "zip": csv_zip,
    "json": json_file,
}
"""Suffix of a file's name → its writer."""
