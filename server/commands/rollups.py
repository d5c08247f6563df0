"""The commands `headcount rollups`: build, run, status and verify."""

import asyncio
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import click
from strawberry.utils.str_converters import to_camel_case
from tqdm import tqdm

from cancelling import cancel
from cubes.declaration import Stage
from errors import StartupError
from resolvers.families import slices_of_kpis
from rollups.keeper.build import build
from rollups.keeper.cell_collections import NOT_EMPTY
from rollups.keeper.cluster_time import MajorityTime, majority_time
from rollups.keeper.lease import Lease, LeaseLost, acquire
from rollups.keeper.prerequisites import check_server, check_source
from rollups.keeper.store import CellCollection, RollupStore, State
from rollups.keeper.supervisor import lease_owner, maintaining
from rollups.keeper.verify import verify
from rollups.layout.level import Level
from rollups.layout.rollup import Rollup, rollups
from server.database import connect, database_uri
from server.rollups import prepare_or_refuse, rollup_store
from server.settings import Settings

_PROGRESS_SECONDS: Final = 0.5
_RATE_SECONDS: Final = 1.0


def build_all(settings: Settings) -> None:
    """Builds all rollups, with a progress bar; raises `StartupError`.

    Running keepers go on with the new cells. A rollup that can't be maintained has a line.
    """

    async def run(store: RollupStore) -> None:
        reasons = await prepare_or_refuse(settings, store)
        for rollup in rollups(settings.catalog):
            if rollup in reasons:
                _print_live(rollup, reasons[rollup])
                continue
            try:
                lease = await acquire(store, rollup, lease_owner(), by_force=True)
                if lease is None:
                    raise LeaseLost
                async with lease:
                    await _build_with_progress(lease)
            except LeaseLost:
                raise StartupError(
                    f"Another process is building {rollup.name}: run this again when it is done."
                ) from None

    _run(settings, run)


def maintain_all(settings: Settings) -> None:
    """Maintains all rollups until SIGINT or SIGTERM; raises `StartupError`.

    A rollup that can't be maintained has a line, and is maintained as soon as it can be.
    """

    async def run(store: RollupStore) -> None:
        reasons = await prepare_or_refuse(settings, store)
        for rollup, reason in reasons.items():
            _print_live(rollup, reason)
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        click.echo(f"Maintaining {len(rollups(settings.catalog)) - len(reasons)} rollups.")
        async with maintaining(store, rollups(settings.catalog)):
            await ended.wait()

    _run(settings, run)


def print_status(settings: Settings) -> None:
    """Prints lag, changes per second, keeper, and the number of each level's cells.

    A rollup that can't be maintained has the reason. Other declarations of a rollup have a line
    each.
    """

    async def run(store: RollupStore) -> None:
        before = [await store.state(rollup) for rollup in rollups(settings.catalog)]
        await asyncio.sleep(_RATE_SECONDS)
        now = await majority_time(store.database)
        for rollup, earlier in zip(rollups(settings.catalog), before, strict=True):
            state = await store.state(rollup)
            if reason := await _obstacle(rollup):
                _print_live(rollup, reason)
            elif state.get("cells"):
                changes = state.get("changes", 0) - earlier.get("changes", 0)
                await _print_built(store, rollup, state, now, changes / _RATE_SECONDS)
            else:
                click.echo(f"{rollup.name}: not built")
            if state.get("building"):
                click.echo(f"  building: {await _progress(rollup, state['building'])}")
            for other in await store.other_states(rollup):
                click.echo(f"  other declaration {other['_id']}: {_keeper(other, now)}")

    _run(settings, run)


async def _print_built(
    store: RollupStore, rollup: Rollup, state: State, now: MajorityTime, rate: float
) -> None:
    lag = max(0, (now.at - state["as_of"]).total_seconds())
    click.echo(
        f"{rollup.name}: lag {lag:.1f} s, {rate:,.0f} changes/s, {_keeper(state, now)}, "
        f"built {_time(state['built_at'])}, verified {_time(state.get('verified_at'))}"
    )
    found = await _cells_by_level(store.database[state["cells"]])
    readers = _readers(rollup)
    for level in rollup.levels:
        cells, size = found.get(level.name, (0, 0))
        click.echo(f"  {_printed(level)}: {cells:,} cells, {size:,} bytes")
        for family, kpis in readers[level].items():
            click.echo(f"    read by {family}: {', '.join(kpis)}")


def verify_all(settings: Settings) -> int:
    """Prints each cell that differs from a fresh count, and returns their number.

    A rollup that can't be maintained has a line with the reason.
    """
    differences = 0

    async def run(store: RollupStore) -> None:
        nonlocal differences
        for rollup in rollups(settings.catalog):
            if reason := await _obstacle(rollup):
                _print_live(rollup, reason)
                continue
            found = await verify(store, rollup)
            for difference in found:
                click.echo(difference)
            click.echo(f"{rollup.name}: {f'{len(found)} differences' if found else 'exact'}")
            differences += len(found)

    _run(settings, run)
    return differences


async def _progress(rollup: Rollup, building: Mapping[str, Any]) -> str:
    """How far a build is after its last whole range."""
    total = await rollup.source.get_pymongo_collection().estimated_document_count()
    read: int = building["documents"]
    left = building["seconds"] * max(0, total - read) / read
    return f"{read:,} of about {total:,} documents, {timedelta(seconds=round(left))} left"


async def _obstacle(rollup: Rollup) -> str | None:
    """Why a rollup's collection can't be followed; None if it can."""
    try:
        await check_source(rollup)
    except StartupError as error:
        return str(error)
    return None


def _print_live(rollup: Rollup, reason: str) -> None:
    click.echo(f"{rollup.name}: counted live. {reason}")


def _keeper(state: State, now: MajorityTime) -> str:
    ended = state.get("expires_at") or state.get("as_of")
    if ended and ended > now.at:
        return f"keeper {state['owner']}"
    return f"no keeper since {_time(ended)}" if ended else "never had a keeper"


def _printed(level: Level) -> str:
    # Cells contain the name: another name would be another declaration, whose cells are built anew.
    if level.granularity is None:
        return level.name
    units = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}
    unit, length = next(each for each in units.items() if not level.granularity % each[1])
    number = level.granularity // length
    buckets = f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{replace(level, granularity=None).name} in buckets of {buckets}"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "never"


async def _cells_by_level(cells: CellCollection) -> dict[str, tuple[int, int]]:
    """Level's name → (number of cells, their bytes without indexes and compression)."""
    sums = {"cells": {"$sum": 1}, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}
    counted = await cells.aggregate([NOT_EMPTY, {"$group": {"_id": "$level", **sums}}])
    return {each["_id"]: (each["cells"], each["bytes"]) async for each in counted}


def _readers(rollup: Rollup) -> Mapping[Level, Mapping[str, Sequence[str]]]:
    """For each level, the KPIs that read it: family → names, both as in GraphQL."""
    readers = {level: defaultdict[str, list[str]](list) for level in rollup.levels}
    cubes = {cube.name: cube for cube in rollup.cubes}
    for name, one in slices_of_kpis():
        family, kpi = name.split(".")
        if one.cube.name in cubes:
            for level in rollup.levels_for(cubes[one.cube.name], one.dimensions):
                if (field := to_camel_case(kpi)) not in readers[level][family]:
                    readers[level][family].append(field)
    return readers


async def _build_with_progress(lease: Lease) -> None:
    source = lease.rollup.source.get_pymongo_collection()
    total = len(lease.rollup.finest) * await source.estimated_document_count()
    with tqdm(total=total, unit=" rows", desc=lease.rollup.name, file=sys.stderr) as bar:

        async def update_bar() -> None:
            before = await _documents_read(lease.rollup)
            while True:
                await asyncio.sleep(_PROGRESS_SECONDS)
                read = min(total, await _documents_read(lease.rollup) - before)
                bar.update(read - bar.n)

        updating = asyncio.create_task(update_bar())
        try:
            await build(lease)
        finally:
            await cancel(updating)
        bar.update(total - bar.n)


async def _documents_read(rollup: Rollup) -> int:
    """How many documents of the collection all clients have read since MongoDB started.

    Builds read small collections from one document to the next, and large ones by `_id`.
    """
    stages: list[Stage] = [{"$collStats": {"storageStats": {}}}]
    found = await (await rollup.source.get_pymongo_collection().aggregate(stages)).to_list()
    cursors = (each["storageStats"].get("wiredTiger", {}).get("cursor", {}) for each in found)
    return sum(each.get("next calls", 0) + each.get("search calls", 0) for each in cursors)


def _run(settings: Settings, work: Callable[[RollupStore], Coroutine[Any, Any, None]]) -> None:
    async def run(uri: str) -> None:
        async with connect(uri, settings) as database:
            store = rollup_store(settings, database)
            await check_server(store)
            await work(store)

    with database_uri(settings) as uri:
        asyncio.run(run(uri))
