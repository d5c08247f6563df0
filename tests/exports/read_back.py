"""Reads exported files with several libraries, as their receivers do."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZipFile

import openpyxl
import pandas
from openpyxl.utils.escape import unescape
from python_calamine import CalamineWorkbook

Sheets = dict[str, list[list[Any]]]
"""Title → rows, the header first; a blank cell is None."""


def xlsx(file: bytes) -> Sheets:
    """A workbook's values; asserts that three readers agree on them."""
    book = openpyxl.load_workbook(BytesIO(file))
    found = {sheet.title: _rows(sheet.iter_rows(values_only=True)) for sheet in book}
    calamine = CalamineWorkbook.from_filelike(BytesIO(file))
    assert calamine.sheet_names == [*found]
    frames = pandas.read_excel(
        BytesIO(file),
        sheet_name=None,
        header=None,
        dtype=object,
        engine="openpyxl",
        keep_default_na=False,
    )
    for title, rows in found.items():
        width = len(rows[0])
        frame = frames[title].astype(object)
        by_pandas = _rows(frame.where(frame.notna(), None).values.tolist())
        for other in (calamine.get_sheet_by_name(title).to_python(), by_pandas):
            assert len(other) == len(rows)
            for one, row in zip(other, rows, strict=True):
                for a, b in zip(_padded(one, width), _padded(row, width), strict=True):
                    assert _agree(a, b), (a, b)
    return found


def _rows(rows: Iterable[Iterable[Any]]) -> list[list[Any]]:
    """Rows read by openpyxl, with inline texts unescaped: openpyxl does not do that."""
    return [[unescape(v) if isinstance(v, str) else v for v in row] for row in rows]


def _padded(row: Sequence[Any], width: int) -> list[Any]:
    """The row's comparable values, padded to a width: some readers omit blank cells at the end."""
    return [*map(_value, row), *[None] * (width - len(row))]


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs(one - other) < timedelta(milliseconds=2)
    return bool(one == other)


def _value(value: Any) -> Any:
    if value == "" or value is pandas.NaT or value is None:
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    if isinstance(value, datetime):
        return pandas.Timestamp(value).to_pydatetime()
    return value


def csv_zip(file: bytes) -> Sheets:
    """A zip of CSV files: name → rows."""
    with ZipFile(BytesIO(file)) as archive:
        assert archive.testzip() is None
        return {name: csv_rows(archive.read(name)) for name in archive.namelist()}


def csv_rows(file: bytes) -> list[list[str]]:
    """A CSV file's rows, the header first."""
    assert file.startswith(b"\xef\xbb\xbf")
    text = file.decode("utf-8-sig")
    assert text.endswith("\r\n")
    return csv_text(text)


def csv_text(text: str) -> list[list[str]]:
    """The rows of CSV."""
    csv.field_size_limit(10**6)
    return [*csv.reader(StringIO(text, newline=""), strict=True)]


def json_object(file: bytes) -> Any:
    """A JSON file; asserts that no object has a name twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    return json.loads(file, object_pairs_hook=once)


def formulas(file: bytes) -> Iterator[str]:
    """The cells of a workbook that are formulas."""
    for sheet in openpyxl.load_workbook(BytesIO(file)):
        for row in sheet.iter_rows():
            yield from (cell.coordinate for cell in row if cell.data_type == "f")
