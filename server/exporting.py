"""`headcount export`: the file that a download would give, written here."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from auth.viewer import Permission, Role, Viewer
from errors import HeadcountError, StartupError
from exports.formats import WRITERS
from exports.report import Report, Rows, Sheet
from exports.routes import report_of
from loaders.snapshot import snapshot
from resolvers.export_requests import Export, ExportFormat, suffix
from server import data
from server.clock import now
from server.database import connect
from server.settings import Settings

# Whoever can read the database may read all of it.
_OPERATOR = Viewer(Role.ADMIN, tuple(Permission))


def export(settings: Settings, asked: Export, format: ExportFormat, file: Path) -> int:
    """Writes an export to a file, with a progress bar; gives the number of its rows.

    The file appears when it is whole. Raises `StartupError` where it can't be made.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with data.address(settings) as uri, part.open("xb") as out:
            rows = asyncio.run(_write(settings, uri, asked, format, out))
        part.replace(file)
    except OSError as error:
        raise StartupError(f"Can't write {file}: {error.strerror or error}.") from error
    except HeadcountError as error:
        raise StartupError(str(error)) from error
    finally:
        part.unlink(missing_ok=True)
    return rows


async def _write(
    settings: Settings, uri: str, asked: Export, format: ExportFormat, out: BinaryIO
) -> int:
    moment = now()
    async with (
        connect(uri, settings),
        snapshot({"now": moment}, seconds=settings.request_timeout) as reads,
        report_of(asked, _OPERATOR, reads, moment) as report,
    ):
        with tqdm(
            total=await report.expected(), unit=" rows", desc=report.title, file=sys.stderr
        ) as bar:
            chunks = WRITERS[suffix(asked, format)](_Watched(report, bar), settings.zone)
            async with aclosing(chunks):
                async for chunk in chunks:
                    out.write(chunk)
            return int(bar.n)


class _Watched:
    """A report whose rows move a progress bar."""

    def __init__(self, report: Report, bar: "tqdm[Any]") -> None:
        self.title = report.title
        self.generated_at = report.generated_at
        self.filters = report.filters
        self.sheets = report.sheets
        self.expected = report.expected
        self._report = report
        self._bar = bar

    async def rows(self, sheet: Sheet) -> AsyncGenerator[tuple[int, Rows]]:
        async with aclosing(self._report.rows(sheet)) as batches:
            async for place, rows in batches:
                yield place, rows
                self._bar.update(len(rows))
