"""Writers: unusual texts and dates, and many rows, are read back by other programs."""

import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape
from python_calamine import CalamineWorkbook

from exports.formats import xlsx_writer
from exports.formats.csv_writer import csv_file, csv_zip
from exports.formats.json_writer import json_file
from exports.formats.xlsx_cells import clean
from exports.formats.xlsx_writer import SHEET_ROWS, xlsx
from exports.reports.report import Batch, Column, Kind, Sheet
from tests.exports import read_back
from tests.exports.commands import needs_libreoffice
from tests.exports.fake_report import AT, FakeReport, batch, written
from tests.exports.test_events_dashboard import cell_text, escaped

ODD_TEXTS = [
    "text", " blanks around ", "line\nand\r\nline", "tab\there", "quo\"te, comma; 'apostrophe'",
    "<b>&amp;</b> ]]> <!--", "_x000D_ and _x0041_", "nul\x00 bell\x07 escape\x1b", "\ufffe\uffff",
    "😀 family 👨‍👩‍👧", "مرحبا بالعالم", "\u202eright to left", "combi\u0301ning",
    "=1+1", "+55 11 9", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "0012", "1e5",
    "TRUE", "2026-05-04", "#N/A", "x" * 40_000, "😀" * 20_000, "é" * 32_768,
]  # fmt: skip
TEXT = Sheet("Texts", "texts", [Column("Text", "text", Kind.TEXT), Column("N", "n", Kind.INTEGER)])


def _one(sheet: Sheet, rows: Sequence[Sequence[Any]]) -> FakeReport:
    return FakeReport([sheet], lambda _: iter([batch(rows)] if rows else []))


async def test_unusual_texts_are_read_back() -> None:
    rows = [(text, number) for number, text in enumerate(ODD_TEXTS)]
    file = await written(xlsx, _one(TEXT, rows))
    sheets = read_back.xlsx(file)
    assert [row[0] or "" for row in sheets["Texts"][1:]] == [cell_text(t) for t in ODD_TEXTS]
    assert not [*read_back.formulas(file)]
    _, *lines = read_back.csv_rows(await written(csv_file, _one(TEXT, rows)))
    assert [line[0] for line in lines] == [escaped(text) for text in ODD_TEXTS]
    found = read_back.json_object(await written(json_file, _one(TEXT, rows)))
    assert [row["text"] for row in found["texts"]] == ODD_TEXTS


@given(st.text(st.characters(codec="utf-8"), max_size=50))
async def test_any_text_is_read_back_from_a_cell(text: str) -> None:
    file = await written(xlsx, _one(TEXT, [(text, 1)]))
    (_, row) = openpyxl.load_workbook(BytesIO(file))["Texts"].iter_rows(values_only=True)
    assert unescape(str(row[0] or "")) == cell_text(text)


def test_a_text_is_cut_between_characters() -> None:
    assert len(clean("😀" * 20_000)) == 32_767 // 2
    assert len(clean("a" + "😀" * 20_000)) == 1 + 32_766 // 2
    assert clean("x" * 32_767) == "x" * 32_767


KINDS = Sheet(
    "Kinds",
    "kinds",
    [
        Column("Time", "a.time", Kind.DATE_TIME),
        Column("Day", "a.day", Kind.DATE),
        Column("Money", "money", Kind.MONEY),
        Column("Percentage", "percentage", Kind.PERCENTAGE),
        Column("Flag", "flag", Kind.BOOLEAN),
        Column("Yes", None, Kind.YES_NO),
        Column("Nested", "b.c.nested", Kind.JSON, 12),
    ],
)


async def test_equal_values_of_different_types_are_distinguished() -> None:
    values = [[1, {"a": 0.0}], [True, {"a": 0.0}], [1.0, {"a": 0.0}], [1, {"a": -0.0}]]
    report = _one(
        Sheet("Nested", "nested", [Column("Nested", "nested", Kind.JSON)]), [[v] for v in values]
    )
    shown = ['[1,{"a":0.0}]', '[true,{"a":0.0}]', '[1.0,{"a":0.0}]', '[1,{"a":-0.0}]']
    _, *cells = read_back.xlsx(await written(xlsx, report))["Nested"]
    assert [cell for (cell,) in cells] == shown
    _, *lines = read_back.csv_rows(await written(csv_file, report))
    assert [line for (line,) in lines] == shown


async def test_each_kind_has_its_type_and_format() -> None:
    time = datetime(2026, 11, 1, 3, 30, 15, 123000, tzinfo=UTC)
    rows = [
        (time, date(1999, 12, 31), 1234.5, 73.5, True, False, {"a": [1, None]}),
        (datetime(1, 1, 1, tzinfo=UTC), date(1, 1, 1), -0.5, 0.0, False, True, []),
        (None,) * 7,
    ]
    zone = ZoneInfo("America/New_York")
    file = await written(xlsx, _one(KINDS, rows), zone)
    sheet = openpyxl.load_workbook(BytesIO(file))["Kinds"]
    # The last row is blank, and omitted.
    first, early = [*sheet.iter_rows(min_row=2)]
    assert [cell.number_format for cell in first] == [
        "DD/MM/YYYY HH:MM", "DD/MM/YYYY", "#,##0.00", "0.0", "General", "@", "@",
    ]  # fmt: skip
    local = datetime(2026, 10, 31, 23, 30, 15, 123000)  # noqa: DTZ001
    shown = first[0].value
    assert isinstance(shown, datetime)
    assert abs(shown - local) < timedelta(milliseconds=2)
    assert [cell.value for cell in first[1:]] == [
        datetime(1999, 12, 31), 1234.5, 73.5, True, "No", '{"a":[1,null]}',  # noqa: DTZ001
    ]  # fmt: skip
    # Spreadsheets have no such dates: they are texts. datetime has no earlier hour.
    assert [cell.value for cell in early[:2]] == ["01/01/0001 00:00", "01/01/0001"]
    assert [cell.value for cell in early[2:]] == [-0.5, 0, False, "Yes", "[]"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:G4"
    assert sheet["A1"].font.bold
    assert sheet.column_dimensions["G"].width == 12
    _, *lines = read_back.csv_rows(await written(csv_file, _one(KINDS, rows), zone))
    assert lines == [
        ["31/10/2026 23:30", "31/12/1999", "1234.50", "73.5", "true", "No", '{"a":[1,null]}'],
        ["01/01/0001 00:00", "01/01/0001", "-0.50", "0.0", "false", "Yes", "[]"],
        [""] * 7,
    ]
    found = read_back.json_object(await written(json_file, _one(KINDS, rows), zone))
    assert found["kinds"][0] == {
        "a": {"time": "2026-11-01T03:30:15.123+00:00", "day": "1999-12-31"},
        "money": 1234.5, "percentage": 73.5, "flag": True, "b": {"c": {"nested": {"a": [1, None]}}},
    }  # fmt: skip


@pytest.mark.parametrize("hours", [-12, 14])
async def test_the_last_date_of_datetime_has_a_cell(hours: int) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    rows = [(last, None, None, None, None, None, None)]
    file = await written(xlsx, _one(KINDS, rows), timezone(timedelta(hours=hours)))
    found = openpyxl.load_workbook(BytesIO(file))["Kinds"]["A2"].value
    assert isinstance(found, datetime)
    assert found.year == 9999


async def test_a_workbook_has_its_creation_time_and_zone() -> None:
    file = await written(xlsx, _one(TEXT, []), ZoneInfo("America/Bogota"))
    properties = openpyxl.load_workbook(BytesIO(file)).properties
    assert properties.title == "Fake"
    assert "America/Bogota" in properties.description
    assert properties.created == AT.replace(tzinfo=None)
    with ZipFile(BytesIO(file)) as archive:
        assert {member.date_time for member in archive.infolist()} == {(2026, 5, 4, 7, 0, 0)}


async def test_a_full_sheet_continues_in_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exports.formats.xlsx_writer.SHEET_ROWS", 7)
    rows = [(f"row {number}", number) for number in range(20)]
    report = FakeReport(
        [TEXT, Sheet("Others", "others", TEXT.columns)],
        lambda _: (batch(rows[start : start + 3]) for start in range(0, 20, 3)),
    )
    file = await written(xlsx, report)
    sheets = read_back.xlsx(file)
    assert [*sheets] == [
        "Texts", "Texts (2)", "Texts (3)", "Others", "Others (2)", "Others (3)",
    ]  # fmt: skip
    for parts in ([*sheets][:3], [*sheets][3:]):
        assert [len(sheets[part]) - 1 for part in parts] == [7, 7, 6]
        assert [tuple(row) for part in parts for row in sheets[part][1:]] == rows
        assert all(sheets[part][0] == ["Text", "N"] for part in parts)
    book = openpyxl.load_workbook(BytesIO(file))
    assert [sheet.auto_filter.ref for sheet in book] == ["A1:B8", "A1:B8", "A1:B7"] * 2


async def test_a_full_member_of_a_zip_continues_in_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exports.formats.xlsx_writer.MEMBER_MAX", 2_000)
    monkeypatch.setattr("exports.formats.csv_writer.MEMBER_MAX", 300)
    rows = [(f"row {number}", number) for number in range(40)]
    report = FakeReport([TEXT], lambda _: (batch(rows[n : n + 4]) for n in range(0, 40, 4)))
    sheets = read_back.xlsx(await written(xlsx, report))
    assert len(sheets) > 3
    assert [tuple(row) for sheet in sheets.values() for row in sheet[1:]] == rows
    files = read_back.csv_zip(await written(csv_zip, report))
    assert [*files][:2] == ["texts.csv", "texts (2).csv"]
    found = [(text, int(number)) for file in files.values() for text, number in file[1:]]
    assert found == rows


# ---------------------------------------------------------------- very many rows


def _many(number: int) -> Iterator[Batch]:
    rows = ((f"ticket {each}", each) for each in range(number))
    while some := [*islice(rows, 1000)]:
        yield batch(some)


@needs_libreoffice
@pytest.mark.parametrize(
    ("limit", "number"),
    # The real limit makes three readers read a million rows each.
    [(10_000, 12_000), pytest.param(SHEET_ROWS, 1_200_000, marks=pytest.mark.deep)],
)
async def test_more_rows_than_a_sheet_holds_are_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, number: int
) -> None:
    monkeypatch.setattr(xlsx_writer, "SHEET_ROWS", limit)
    file = tmp_path / "many.xlsx"
    file.write_bytes(await written(xlsx, FakeReport([TEXT], lambda _: _many(number))))

    calamine = CalamineWorkbook.from_path(file)
    assert calamine.sheet_names == ["Texts", "Texts (2)"]
    rows = [row for name in calamine.sheet_names for row in _body(calamine, name)]
    assert len(rows) == number
    assert all(row == [f"ticket {n}", n] for n, row in enumerate(rows))

    book = openpyxl.load_workbook(file, read_only=True)
    counted = 0
    for sheet in book:
        for row in sheet.iter_rows(min_row=2, values_only=True):
            assert row == (f"ticket {counted}", counted)
            counted += 1
    book.close()
    assert counted == number

    lines = [line for part in _by_libreoffice(file) for line in part[1:]]
    assert len(lines) == number
    assert all(line == [f"ticket {n}", str(n)] for n, line in enumerate(lines))


def _body(book: CalamineWorkbook, name: str) -> list[list[Any]]:
    return book.get_sheet_by_name(name).to_python()[1:]


@needs_libreoffice
async def test_odd_values_are_read_by_libreoffice(tmp_path: Path) -> None:
    # LibreOffice changes line ends when it writes CSV.
    texts = [text for text in ODD_TEXTS if "\r" not in text]
    rows = [(text, number) for number, text in enumerate(texts)]
    file = tmp_path / "odd.xlsx"
    file.write_bytes(await written(xlsx, _one(TEXT, rows)))
    ((_, *lines),) = _by_libreoffice(file)
    assert [line[0] for line in lines] == [cell_text(text) for text in texts]


@needs_libreoffice
async def test_every_minute_is_shown_as_itself(tmp_path: Path) -> None:
    times = [AT + timedelta(minutes=number) for number in range(1_440)]
    sheet = Sheet("Minutes", "minutes", [Column("Time", "time", Kind.DATE_TIME)])
    file = tmp_path / "minutes.xlsx"
    file.write_bytes(await written(xlsx, _one(sheet, [(time,) for time in times])))
    ((_, *lines),) = _by_libreoffice(file)
    assert [line[0] for line in lines] == [f"{time:%d/%m/%Y %H:%M}" for time in times]


def _by_libreoffice(file: Path) -> list[list[list[str]]]:
    """The sheets of a workbook, as LibreOffice writes them in CSV."""
    # Filter options: comma, quotes, UTF-8, from line 1, cells as shown, one file for each sheet.
    options = "44,34,76,1,,0,false,true,true,false,false,-1"
    subprocess.run(
        [
            "soffice", "--headless", f"-env:UserInstallation=file://{file.parent}/profile",
            "--convert-to", f"csv:Text - txt - csv (StarCalc):{options}",
            "--outdir", str(file.parent / "csv"), str(file),
        ],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    parts = sorted((file.parent / "csv").iterdir(), key=lambda part: len(part.name))
    return [read_back.csv_text(part.read_text(encoding="utf-8")) for part in parts]
