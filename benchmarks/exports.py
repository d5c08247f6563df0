"""The command `python -m benchmarks.exports`: a million tickets as files, against openpyxl."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import httpx
from openpyxl import Workbook
from pymongo.database import Database

from benchmarks.contenders import defaults
from benchmarks.data import dataset
from benchmarks.data.dataset import FULL, QUICK, SMALL
from benchmarks.http.servers import HEADCOUNT, Server, running
from benchmarks.operations import EVENT_STATS, Operation
from benchmarks.replay import Disagreement
from benchmarks.report import verdict
from benchmarks.rollup_reads import wait_until_fresh
from cubes.declared.ticket_queries import listed
from errors import StartupError
from exports.addresses import EVENTS_DASHBOARD_ROUTE
from server.database import open_database
from server.settings import PREFIX, Settings

FASTER: Final = 5
SHARE_OF_BARE: Final = 0.25
GROWTH_MB_MAX: Final = 64
P99_MS_MAX: Final = 50
FIRST_BYTE_MS_MAX: Final = 150
_OPENPYXL_ROWS: Final = 50_000
_FIRST_BYTES: Final = 9
_ROUNDS: Final = 3
_FORMATS: Final = ("xlsx", "csv", "json")


@click.command(help="Compare exports over HTTP with openpyxl and a bare cursor.")
@click.option("--quick", is_flag=True, help="Use little data, to test the benchmark itself.")
@click.option("--uri", help="The URI of a MongoDB. Default: an embedded one.")
def main(quick: bool, uri: str | None) -> None:
    """Measures, and prints the results."""
    sizes = (QUICK, QUICK) if quick else (FULL, SMALL)
    try:
        with dataset.prepared(uri, defaults(sizes[0].database), sizes[0]) as address:
            for line in _lines(address, defaults(sizes[0].database), sizes[0].tickets):
                click.echo(f"- {line}")
            with dataset.prepared(address, defaults(sizes[1].database), sizes[1]):
                for line in _of_few(address, defaults(sizes[1].database), sizes[1].tickets):
                    click.echo(f"- {line}")
    except (StartupError, Disagreement, httpx.HTTPError) as error:
        sys.exit(f"benchmarks: {error}")


def _lines(uri: str, settings: Settings, tickets: int) -> Iterator[str]:
    with open_database(uri, settings) as database:
        bare, rows = _bare(database)
    alone = _by_openpyxl(rows)
    yield f"a bare PyMongo cursor over the same projection: {bare:,.0f} rows/s"
    yield f"openpyxl's write-only writer, rows at hand: {alone:,.0f} rows/s"
    with running("Headcount", HEADCOUNT, uri, settings) as server:
        # Formats alternate, as the speed of the machine varies.
        rounds = [[_exported(server, each, tickets) for each in _FORMATS] for _ in range(_ROUNDS)]
        for format, found in zip(_FORMATS, zip(*rounds, strict=True), strict=True):
            rate, first = (median(values) for values in zip(*found, strict=True))
            fast, share = rate >= FASTER * alone, rate >= SHARE_OF_BARE * bare
            yield (
                f"{format}: {rate:,.0f} rows/s over HTTP, the events' numbers included; "
                f"first byte after {first:.2f} s; {rate / alone:.1f} × openpyxl, "
                f"at least {FASTER}: {verdict(fast)}; {rate / bare:.0%} of the "
                f"bare cursor, at least {SHARE_OF_BARE:.0%}: {verdict(share)}"
            )
        delays = _delays(server)
        p99 = quantiles(delays, n=100)[98]
        yield (
            f"`viewer` while an xlsx is exported, {len(delays)} times: p99 {p99:.1f} ms, "
            f"at most {P99_MS_MAX}: {verdict(p99 <= P99_MS_MAX)}"
        )
    with running("Headcount", HEADCOUNT, uri, settings, {f"{PREFIX}ROLLUPS": "on"}) as server:
        wait_until_fresh(server)
        first = 1000 * median(_first_byte(server) for _ in range(_FIRST_BYTES))
    yield (
        f"the first byte of {tickets:,} tickets with rollups comes after {first:.0f} ms, at most "
        f"{FIRST_BYTE_MS_MAX}: {verdict(first <= FIRST_BYTE_MS_MAX)}"
    )
    growth = _growth(uri, settings)
    yield (
        f"{tickets:,} tickets to xlsx: {growth:+.1f} MB at the peak, at most {GROWTH_MB_MAX}: "
        f"{verdict(growth <= GROWTH_MB_MAX)}"
    )


def _of_few(uri: str, settings: Settings, tickets: int) -> Iterator[str]:
    growth = _growth(uri, settings)
    yield f"{tickets:,} tickets to xlsx: {growth:+.1f} MB at the peak"
    with running("Headcount", HEADCOUNT, uri, settings) as server:
        later = 1000 * _later(server)
    yield (
        f"the first byte of {tickets:,} tickets comes {later:.0f} ms later than an answer with the "
        f"events' numbers, at most {FIRST_BYTE_MS_MAX}: {verdict(later <= FIRST_BYTE_MS_MAX)}"
    )


def _later(server: Server) -> float:
    """How much later the first byte comes than the response to the KPIs alone, in seconds."""
    numbers, first = list[float](), list[float]()
    query = {"query": Operation(EVENT_STATS, ()).text}
    for _ in range(_FIRST_BYTES):
        with server.client() as client:
            started = time.perf_counter()
            client.post("/graphql", json=query).raise_for_status()
            numbers.append(time.perf_counter() - started)
        first.append(_exported(server, "xlsx", 1)[1])
    return median(first) - median(numbers)


def _bare(database: Database[dict[str, Any]]) -> tuple[float, Sequence[Sequence[Any]]]:
    """Rows per second of a bare cursor, and some of the rows."""
    events = [event["_id"] for event in database["events"].find({}, {"_id": 1})]
    started, count, rows = time.perf_counter(), 0, list[Sequence[Any]]()
    for event in events:
        for row in database["tickets"].aggregate(listed([event]), allowDiskUse=True):
            count += 1
            if len(rows) < _OPENPYXL_ROWS:
                rows.append([*row.values()])
    return count / (time.perf_counter() - started), rows


def _by_openpyxl(rows: Sequence[Sequence[Any]]) -> float:
    started = time.perf_counter()
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Tickets")
    for row in rows:
        sheet.append([_cell(value) for value in row])
    with TemporaryDirectory() as folder:
        book.save(Path(folder) / "tickets.xlsx")
    return len(rows) / (time.perf_counter() - started)


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | datetime) else str(value)


def _exported(server: Server, format: str, tickets: int) -> tuple[float, float]:
    """Rows per second of a download, and seconds to the first byte."""
    started, first = time.perf_counter(), 0.0
    address = f"{EVENTS_DASHBOARD_ROUTE}?format={format}"
    with server.client(600) as client, client.stream("GET", address) as response:
        response.raise_for_status()
        for _ in response.iter_raw():
            first = first or time.perf_counter() - started
    return tickets / (time.perf_counter() - started), first


def _first_byte(server: Server) -> float:
    """Seconds to the first byte of an xlsx, whose download then ends."""
    started = time.perf_counter()
    address = f"{EVENTS_DASHBOARD_ROUTE}?format=xlsx"
    with server.client(600) as client, client.stream("GET", address) as response:
        response.raise_for_status()
        next(response.iter_raw())
        return time.perf_counter() - started


def _delays(server: Server) -> Sequence[float]:
    """Durations in milliseconds of small queries while an export runs."""
    export = threading.Thread(target=_exported, args=(server, "xlsx", 1))
    export.start()
    delays = []
    with server.client() as client:
        while export.is_alive():
            started = time.perf_counter()
            client.post("/graphql", json={"query": "{ viewer { role } }"}).raise_for_status()
            delays.append(1000 * (time.perf_counter() - started))
            time.sleep(0.01)
    return delays


def _growth(uri: str, settings: Settings) -> float:
    """The growth of a server's peak memory by an export, in MB."""
    with running("Headcount", HEADCOUNT, uri, settings) as server:
        with server.client() as client:
            client.post("/graphql", json={"query": "{ viewer { role } }"}).raise_for_status()
        before = server.memory_mb()
        _exported(server, "xlsx", 1)
        return server.peak_mb() - before


if __name__ == "__main__":
    main()
