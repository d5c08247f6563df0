"""The command `headcount export`: writes the same bytes as a download to a file."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO

from pydantic.alias_generators import to_snake
from tqdm import tqdm

from auth.viewer import Permission, Role, Viewer
from errors import HeadcountError, StartupError
from exports.addresses import file_type
from exports.downloads import open_report
from exports.reports.report import Batch, Report, Sheet
from resolvers.exports import Export, ExportFormat, ExportReport
from server.clock import now
from server.database import connect, database_uri
from server.rollups import rollup_reader
from server.settings import Settings

_SHUTDOWN_SECONDS = 2.0
# The user of this command can read the whole database anyway.
_OPERATOR = Viewer(Role.ADMIN, tuple(Permission))


@dataclass(frozen=True)
class Written:
    """A written file: its rows, and whether all of it is of one cluster time."""

    rows: int
    at_one_time: bool


def with_option_names(message: str) -> str:
    """An error message with options of the command in place of arguments of `exportLink`."""
    argument = r"(?<=')[a-z]+(?:[A-Z][a-z]+)+(?=')"
    options = re.sub(argument, lambda name: f"--{to_snake(name[0]).replace('_', '-')}", message)
    for report in ExportReport:
        options = options.replace(report.name, f"--report {report.value}")
    return options.replace("Argument", "Option")


def write_export(settings: Settings, export: Export, format: ExportFormat, file: Path) -> Written:
    """Writes an export to a file, with a progress bar.

    The file appears when it is complete. Raises `StartupError` if the export fails.
    """
    # Replaces the target of a symbolic link, not the link.
    file = file.resolve()
    if file.exists() and not file.is_file():
        raise StartupError(f"Can't write {file}: it is not a regular file. Name another file.")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")

    writing: asyncio.Task[Written] | None = None

    def end(number: int, _: object) -> None:
        # The cancelled task closes its cursor. A library can swallow the cancellation: the timer
        # then ends the process. An embedded MongoDB ends with the process.
        part.unlink(missing_ok=True)
        if writing is None or writing.done():
            os._exit(128 + number)
        writing.get_loop().call_soon_threadsafe(writing.cancel)
        writing.add_done_callback(lambda _: os._exit(128 + number))
        Timer(_SHUTDOWN_SECONDS, os._exit, (128 + number,)).start()

    async def write(uri: str, out: BinaryIO) -> Written:
        nonlocal writing
        writing = asyncio.create_task(_write(settings, uri, export, format, out))
        return await writing

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        with database_uri(settings) as uri, _created(part, like=file) as out:
            written = asyncio.run(write(uri, out))
        part.replace(file)
    except OSError as error:
        raise StartupError(f"Can't write {file}: {error.strerror or error}.") from error
    except HeadcountError as error:
        raise StartupError(str(error)) from error
    finally:
        part.unlink(missing_ok=True)
    return written


def _created(part: Path, *, like: Path) -> BinaryIO:
    """Creates a file with the permissions of the file that it will replace."""
    mode = like.stat().st_mode & 0o777 if like.exists() else 0o666
    return open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb")


async def _write(
    settings: Settings, uri: str, export: Export, format: ExportFormat, out: BinaryIO
) -> Written:
    async with (
        connect(uri, settings) as database,
        open_report(
            export,
            _OPERATOR,
            now(),
            read_seconds=settings.request_timeout,
            rollups=rollup_reader(settings, database),
            catalog=settings.catalog,
        ) as opened,
    ):
        report = opened.report
        with tqdm(
            total=await report.expected(), unit=" rows", desc=report.title, file=sys.stderr
        ) as bar:
            chunks = file_type(export, format).writer(
                _ReportWithProgress(report, bar), settings.zone
            )
            async with aclosing(chunks):
                async for chunk in chunks:
                    out.write(chunk)
            return Written(int(bar.n), opened.at_one_time)


class _ReportWithProgress:
    """A report that updates a progress bar."""

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
