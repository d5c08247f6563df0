"""The command `python -m benchmarks.rollup_build`: builds a rollup in ranges, under writes.

MongoDB's snapshots last for a few seconds only, so that the collection can't be read at once.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
from pymongo import MongoClient

from benchmarks.contenders import defaults
from benchmarks.data import dataset
from benchmarks.data.dataset import Size
from benchmarks.http.servers import ROLLUPS_RUN, running
from benchmarks.report import verdict
from benchmarks.rollup_upkeep import rebuild, timed
from documents.ticket import Ticket
from rollups.keeper import build as building
from rollups.keeper.cluster_time import majority_time
from rollups.keeper.prerequisites import prepare
from rollups.keeper.store import RollupStore
from rollups.keeper.verify import verify
from rollups.layout.rollup import DEFAULT_ROLLUPS, STATES
from server.database import connect
from server.embedded.mongod import embedded_mongod
from server.settings import Settings

SHARE: Final = 0.8
_LOOK_SECONDS: Final = 0.05
_PATIENCE: Final = 1800.0
(_TICKETS,) = (rollup for rollup in DEFAULT_ROLLUPS if rollup.source is Ticket)


@click.command(help="Builds the cells of tickets at once and in ranges, and under writes.")
@click.option("--tickets", type=click.IntRange(min=1000), default=2_000_000, show_default=True)
@click.option("--window", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--rate", type=click.FloatRange(min=1), default=2000, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
def main(tickets: int, window: int, rate: float, rounds: int) -> None:
    """Prints a line for each measurement."""
    size = Size(tickets=tickets, ticket_orders=tickets // 2, analytics_events=2_900)
    settings = defaults(size.database)
    with (
        TemporaryDirectory() as folder,
        embedded_mongod(Path(folder)) as uri,
        dataset.prepared(uri, settings, size),
    ):
        click.echo(f"- {asyncio.run(_in_ranges(uri, settings, tickets, rounds))}")
        for line in _under_writes(uri, settings, tickets, window, rate):
            click.echo(f"- {line}")


async def _in_ranges(uri: str, settings: Settings, tickets: int, rounds: int) -> str:
    """Builds at once and in four ranges, in turn."""
    async with connect(uri, settings) as database:
        store = RollupStore(database)
        await prepare(store, _TICKETS)
        found = []
        for _ in range(rounds):
            at_once, ranges = [
                await _build(store, documents) for documents in (2 * tickets, tickets // 4 + 1)
            ]
            found.append((at_once, ranges))
        await database[STATES].drop()
    at_once, ranges = (median(each) for each in zip(*found, strict=True))
    share = median(one / other for one, other in found)
    return (
        f"{tickets:,} tickets: {tickets / at_once:,.0f} documents/s at once, "
        f"{tickets / ranges:,.0f} in four ranges; {share:.0%} of the speed, at least {SHARE:.0%}: "
        f"{verdict(share >= SHARE)}"
    )


async def _build(store: RollupStore, documents: int) -> float:
    """The seconds of a build in ranges of so many documents."""
    building.RANGE_DOCUMENTS = documents
    return await timed(rebuild(store, [_TICKETS]))


def _under_writes(
    uri: str, settings: Settings, tickets: int, window: int, rate: float
) -> Iterator[str]:
    """Builds by `headcount rollups run` while a writer changes random tickets."""
    with MongoClient[dict[str, Any]](uri) as client:
        database = client[settings.database]
        client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=window)
        writer = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.data.changes", uri, database.name, str(rate),
             str(_PATIENCE)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        before = database["tickets"].estimated_document_count()
        try:
            with running("builder", ROLLUPS_RUN, uri, settings, answers=False) as builder:
                began, parts = time.perf_counter(), 1
                while not (state := _state(client, settings)).get("cells"):
                    if time.perf_counter() - began > _PATIENCE:
                        raise TimeoutError("The build did not end.")
                    parts = max(parts, 1 + len((state.get("building") or {}).get("parts", ())))
                    time.sleep(_LOOK_SECONDS)
                seconds = time.perf_counter() - began
                written = database["tickets"].estimated_document_count() - before
                peak = builder.peak_mb()
                writer.kill()
                writer.wait()
                differences = asyncio.run(_differences(uri, settings))
        finally:
            writer.kill()
            writer.wait()
    yield (
        f"{tickets:,} tickets, snapshots of {window} s, {rate:,.0f} changes/s asked: built in "
        f"{parts} ranges, {tickets / seconds:,.0f} documents/s; {written:,} more tickets at the "
        f"end; the builder's memory {peak:,.0f} MB at most; {differences} cells differ: "
        f"{verdict(not differences)}"
    )


def _state(client: MongoClient[dict[str, Any]], settings: Settings) -> Mapping[str, Any]:
    database = client[settings.database]
    return database[STATES].find_one({"rollup": f"{settings.database}.tickets"}) or {}


async def _differences(uri: str, settings: Settings) -> int:
    """The cells that differ from a fresh count, once all changes are followed."""
    async with connect(uri, settings) as database:
        store = RollupStore(database)
        now = (await majority_time(database)).cluster_time
        async with asyncio.timeout(_PATIENCE):
            while True:
                state = await store.state(_TICKETS)
                if state.get("cells") and state["position"] >= now:
                    return len(await verify(store, _TICKETS))
                await asyncio.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    main()
