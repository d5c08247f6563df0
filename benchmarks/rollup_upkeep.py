"""Upkeep of rollups: the speed of builds, and the lag of cells under a load of changes."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from statistics import median, quantiles
from typing import Any, Final
from uuid import uuid4

from pymongo import MongoClient
from pymongo.database import Database

from benchmarks.contenders import defaults
from benchmarks.http.servers import ROLLUPS_RUN, Server, running
from benchmarks.report import verdict
from documents.reads import BY_CODE_POINT
from rollups.keeper.build import build
from rollups.keeper.lease import acquire
from rollups.keeper.prerequisites import prepare_all
from rollups.keeper.store import RollupStore
from rollups.layout.rollup import DEFAULT_ROLLUPS, STATES, Rollup
from server.database import connect
from server.settings import Settings

BUILD_SHARE: Final = 0.8
LAG_MS_MAX: Final = 1000
FOLLOWED_SHARE: Final = 0.98
_LOOK_SECONDS: Final = 0.01
_SETTLE_SECONDS: Final = 3.0
_QUICKLY: Final = 30.0


async def builds(uri: str, settings: Settings, rounds: int) -> Sequence[tuple[float, float]]:
    """(seconds of the `$group`s alone, seconds of the build) of each round."""
    async with connect(uri, settings) as database:
        store = RollupStore(database)
        await prepare_all(store, DEFAULT_ROLLUPS)
        found = []
        for _ in range(rounds):
            bare = await timed(_grouped())
            found.append((bare, await timed(rebuild(store, DEFAULT_ROLLUPS))))
        return found


async def timed(work: Awaitable[None]) -> float:
    """The seconds that work takes."""
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def _grouped() -> None:
    """Counts all finest cells, and discards them."""
    for rollup in DEFAULT_ROLLUPS:
        source = rollup.source.get_pymongo_collection()
        for level in rollup.finest:
            cells = await source.aggregate(
                level.cells(), allowDiskUse=True, collation=BY_CODE_POINT
            )
            await cells.to_list()


async def rebuild(store: RollupStore, rollups: Iterable[Rollup]) -> None:
    """Builds the cells of rollups anew; raises `TimeoutError` if another process does."""
    for rollup in rollups:
        lease = await acquire(store, rollup, "benchmark", by_force=True)
        if lease is None:
            raise TimeoutError(f"Another process took the lease of {rollup.name}.")
        async with lease:
            await build(lease)


def build_line(found: Sequence[tuple[float, float]], documents: int) -> str:
    """A line on the speed of builds."""
    bare, built = (median(each) for each in zip(*found, strict=True))
    share = median(group / build for group, build in found)
    return (
        f"build of all cells: {documents / built:,.0f} documents/s, their bare `$group`s "
        f"{documents / bare:,.0f}; {share:.0%} of the speed, at least {BUILD_SHARE:.0%}: "
        f"{verdict(share >= BUILD_SHARE)}"
    )


def followed(uri: str, rate: float, seconds: float) -> Iterator[str]:
    """Lines on a follower's lag at `rate` changes a second, and on its greatest speed."""
    settings = defaults(f"headcount_benchmark_followed_{uuid4().hex[:6]}")
    with MongoClient[dict[str, Any]](uri) as client:
        database = client[settings.database]
        try:
            with running("follower", ROLLUPS_RUN, uri, settings, answers=False) as follower:
                os.sched_setaffinity(follower.pid, {max(os.sched_getaffinity(0))})
                _wait(lambda: _changes(database) is not None)
                yield from _steady(uri, database, follower, rate, seconds)
            yield from _catching_up(uri, settings, database, seconds)
        finally:
            client.drop_database(database)


def _steady(
    uri: str, database: Database[dict[str, Any]], follower: Server, rate: float, seconds: float
) -> Iterator[str]:
    writer = _writer(uri, database.name, rate, seconds + _SETTLE_SECONDS)
    time.sleep(_SETTLE_SECONDS)
    before, cpu, started = _changes(database) or 0, follower.cpu_seconds(), time.perf_counter()
    lags = list[float]()
    while writer.poll() is None:
        lags += _lags(database)
        time.sleep(_LOOK_SECONDS)
    elapsed = time.perf_counter() - started
    applied = ((_changes(database) or 0) - before) / elapsed
    share = (follower.cpu_seconds() - cpu) / elapsed
    written = int(writer.communicate()[0])
    asked = written / (seconds + _SETTLE_SECONDS)
    cut = quantiles(lags, n=100)
    yield (
        f"followed {applied:,.0f} changes/s of {asked:,.0f} written, of {rate:,.0f} asked, by "
        f"{share:.0%} of one processor: {verdict(applied >= FOLLOWED_SHARE * min(rate, asked))}"
    )
    yield (
        f"lag, {len(lags):,} looks: p50 {median(lags):.0f} ms, p99 {cut[98]:.0f} ms, below "
        f"{LAG_MS_MAX}: {verdict(cut[98] < LAG_MS_MAX)}"
    )


def _catching_up(
    uri: str, settings: Settings, database: Database[dict[str, Any]], seconds: float
) -> Iterator[str]:
    """Changes are written while no follower runs; then one catches up."""
    written = int(_writer(uri, database.name, 1e9, seconds).communicate()[0])
    before = _changes(database) or 0
    with running("follower", ROLLUPS_RUN, uri, settings, answers=False):
        _wait(lambda: (_changes(database) or 0) > before)
        first, started = _changes(database) or 0, time.perf_counter()
        _wait(lambda: (_changes(database) or 0) >= before + written)
        rate = (before + written - first) / (time.perf_counter() - started)
    yield f"{written:,} changes without a follower, caught up at {rate:,.0f} changes/s"


def _writer(uri: str, name: str, rate: float, seconds: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.data.changes", uri, name, str(rate), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )


def _changes(database: Database[dict[str, Any]]) -> int | None:
    """The number of changes in the cells; None until all cells are built."""
    states = [*database[STATES].find()]
    if sum("cells" in state for state in states) < len(DEFAULT_ROLLUPS):
        return None
    return sum(int(state.get("changes", 0)) for state in states)


def _lags(database: Database[dict[str, Any]]) -> Sequence[float]:
    lag: list[Mapping[str, Any]] = [{"$project": {"lag": {"$subtract": ["$$NOW", "$as_of"]}}}]
    return [max(0, state["lag"]) for state in database[STATES].aggregate(lag)]


def _wait(found: Any) -> None:
    limit = time.monotonic() + _QUICKLY
    while not found():
        if time.monotonic() > limit:
            raise TimeoutError(f"The follower did not catch up within {_QUICKLY:.0f} s.")
        time.sleep(_LOOK_SECONDS)


def built(uri: str, settings: Settings, rounds: int) -> Sequence[tuple[float, float]]:
    """`builds`, outside of an event loop."""
    return asyncio.run(builds(uri, settings, rounds))
