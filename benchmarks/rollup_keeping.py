"""Keeping cells: how fast they are built, and how late they are under a load of changes."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median, quantiles
from typing import Any, Final
from uuid import uuid4

from pymongo import MongoClient
from pymongo.database import Database

from benchmarks.contenders import defaults
from benchmarks.report import verdict
from benchmarks.servers import ROLLUPS_RUN, Server, running
from documents.reads import BY_CODE_POINT
from rollups.keeper.build import build
from rollups.keeper.keep import ready
from rollups.keeper.lease import Store
from rollups.layout.rollup import ROLLUPS, STATES
from server.database import connect
from server.settings import Settings

BUILD_SHARE: Final = 0.8
LAG_MS_MAX: Final = 1000
KEPT_UP: Final = 0.98
_LOOK_SECONDS: Final = 0.01
_SETTLE_SECONDS: Final = 3.0
_QUICKLY: Final = 30.0


async def builds(uri: str, settings: Settings, rounds: int) -> Sequence[tuple[float, float]]:
    """(seconds of the bare `$group`s, seconds of building) of each round, in turn."""
    async with connect(uri, settings) as database:
        store = Store(database)
        await ready(store)
        found = []
        for _ in range(rounds):
            bare = await _timed(_grouped())
            found.append((bare, await _timed(_built(store))))
        return found


async def _timed(work: Any) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def _grouped() -> None:
    """Reads what a collection's finest cells are made of, as any client would, and drops it."""
    for rollup in ROLLUPS:
        source = rollup.source.get_pymongo_collection()
        for cube in rollup.cubes:
            level = next(level for level in rollup.levels if level.cube is cube)
            cells = await source.aggregate(
                level.cells(), allowDiskUse=True, collation=BY_CODE_POINT
            )
            await cells.to_list()


async def _built(store: Store) -> None:
    for rollup in ROLLUPS:
        kept = await store.take(rollup, "benchmark", by_force=True)
        if kept is not None:
            async with kept:
                await build(kept)


def build_line(found: Sequence[tuple[float, float]], documents: int) -> str:
    """What building took."""
    bare, built = (median(each) for each in zip(*found, strict=True))
    share = median(group / build for group, build in found)
    return (
        f"build of all cells: {documents / built:,.0f} documents/s, their bare `$group`s "
        f"{documents / bare:,.0f}; {share:.0%} of the speed, at least {BUILD_SHARE:.0%}: "
        f"{verdict(share >= BUILD_SHARE)}"
    )


def followed(uri: str, rate: float, seconds: float) -> Iterator[str]:
    """Lines on how a follower keeps up with so many changes a second, and at its fastest."""
    settings = defaults(f"headcount_benchmark_followed_{uuid4().hex[:6]}")
    with MongoClient[dict[str, Any]](uri) as client:
        database = client[settings.database]
        try:
            with running("follower", ROLLUPS_RUN, uri, settings, answers=False) as follower:
                os.sched_setaffinity(follower.pid, {max(os.sched_getaffinity(0))})
                _wait(lambda: _changes(database) is not None)
                yield from _steady(uri, database, follower, rate, seconds)
            yield from _behind(uri, settings, database, seconds)
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
        f"{share:.0%} of one processor: {verdict(applied >= KEPT_UP * min(rate, asked))}"
    )
    yield (
        f"lag, {len(lags):,} looks: p50 {median(lags):.0f} ms, p99 {cut[98]:.0f} ms, below "
        f"{LAG_MS_MAX}: {verdict(cut[98] < LAG_MS_MAX)}"
    )


def _behind(
    uri: str, settings: Settings, database: Database[dict[str, Any]], seconds: float
) -> Iterator[str]:
    """Nobody follows while changes are written; then somebody catches up."""
    written = int(_writer(uri, database.name, 1e9, seconds).communicate()[0])
    before = _changes(database) or 0
    with running("follower", ROLLUPS_RUN, uri, settings, answers=False):
        _wait(lambda: (_changes(database) or 0) > before)
        first, started = _changes(database) or 0, time.perf_counter()
        _wait(lambda: (_changes(database) or 0) >= before + written)
        rate = (before + written - first) / (time.perf_counter() - started)
    yield f"{written:,} changes behind, caught up at {rate:,.0f} changes/s"


def _writer(uri: str, name: str, rate: float, seconds: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.changes", uri, name, str(rate), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )


def _changes(database: Database[dict[str, Any]]) -> int | None:
    """How many changes are in the cells; None until all cells are built."""
    states = [*database[STATES].find()]
    if sum("cells" in state for state in states) < len(ROLLUPS):
        return None
    return sum(int(state.get("changes", 0)) for state in states)


def _lags(database: Database[dict[str, Any]]) -> Sequence[float]:
    late: list[Mapping[str, Any]] = [{"$project": {"lag": {"$subtract": ["$$NOW", "$as_of"]}}}]
    return [max(0, state["lag"]) for state in database[STATES].aggregate(late)]


def _wait(found: Any) -> None:
    limit = time.monotonic() + _QUICKLY
    while not found():
        if time.monotonic() > limit:
            raise TimeoutError("The follower does not follow.")
        time.sleep(_LOOK_SECONDS)


def built(uri: str, settings: Settings, rounds: int) -> Sequence[tuple[float, float]]:
    """The same as `builds`, from outside of an event loop."""
    return asyncio.run(builds(uri, settings, rounds))
