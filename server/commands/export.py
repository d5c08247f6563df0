"""`headcount export`: the file that a download would give, written here."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO

from tqdm import tqdm

from auth.viewer import Permission, Role, Viewer
from errors import HeadcountError, StartupError
from exports.downloads import report_of
from exports.formats.writers import WRITERS
from exports.reports.report import Batch, Report, Sheet
from resolvers.exports import Export, ExportFormat, suffix
from server.clock import now
from server.commands import data
from server.database import connect
from server.settings import Settings

_ENDING_SECONDS = 2.0
# Whoever can read the database may read all of it.
_OPERATOR = Viewer(Role.ADMIN, tuple(Permission))


def export(settings: Settings, asked: Export, format: ExportFormat, file: Path) -> int:
    """Writes an export to a file, with a progress bar; gives the number of its rows.

    The file appears when it is whole. Raises `StartupError` where it can't be made.
    """
    # What a link leads to is replaced, not the link.
    file = file.resolve()
    if file.exists() and not file.is_file():
        raise StartupError(f"Can't write {file}: it is no file, and would be replaced by one.")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")

    writing: asyncio.Task[int] | None = None

    def end(number: int, _: object) -> None:
        # Cancelled, it closes its cursor. But a cancelling can get lost on its way through the
        # libraries; an embedded MongoDB ends with this process.
        part.unlink(missing_ok=True)
        if writing is None or writing.done():
            os._exit(128 + number)
        writing.get_loop().call_soon_threadsafe(writing.cancel)
        writing.add_done_callback(lambda _: os._exit(128 + number))
        Timer(_ENDING_SECONDS, os._exit, (128 + number,)).start()

    async def write(uri: str, out: BinaryIO) -> int:
        nonlocal writing
        writing = asyncio.create_task(_write(settings, uri, asked, format, out))
        return await writing

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        with data.address(settings) as uri, _created(part, like=file) as out:
            rows = asyncio.run(write(uri, out))
        part.replace(file)
    except OSError as error:
        raise StartupError(f"Can't write {file}: {error.strerror or error}.") from error
    except HeadcountError as error:
        raise StartupError(str(error)) from error
    finally:
        part.unlink(missing_ok=True)
    return rows


def _created(part: Path, *, like: Path) -> BinaryIO:
    """A new file, which nobody may read who may not read the one that it is to replace."""
    mode = like.stat().st_mode & 0o777 if like.exists() else 0o666
    return open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb")


async def _write(
    settings: Settings, uri: str, asked: Export, format: ExportFormat, out: BinaryIO
) -> int:
    async with (
        connect(uri, settings),
        report_of(asked, _OPERATOR, now(), seconds=settings.request_timeout) as report,
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

    async def batches(self, sheet: Sheet) -> AsyncGenerator[Batch]:
        async with aclosing(self._report.batches(sheet)) as batches:
            async for batch in batches:
                yield batch
                self._bar.update(len(batch))
