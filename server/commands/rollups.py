"""The commands `headcount rollups`: cells are built, kept, shown and verified."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import click
from tqdm import tqdm

from cancelling import cancel
from cubes.cube import Stage
from errors import StartupError
from rollups.keeper.build import build
from rollups.keeper.cluster_time import moment
from rollups.keeper.keep import ready, supported
from rollups.keeper.lease import Cells, Kept, Lost, Store
from rollups.keeper.verify import verify
from rollups.layout.rollup import ROLLUPS, Rollup
from server.commands import data
from server.database import connect
from server.keeping import keeping, kept_in, owner
from server.settings import Settings

_LOOK_SECONDS = 0.5
_RATE_SECONDS = 1.0


def build_all(settings: Settings) -> None:
    """Builds all rollups, with a progress bar; raises `StartupError` where it can't.

    Who keeps them goes on afterwards.
    """

    async def run(store: Store) -> None:
        await ready(store)
        for rollup in ROLLUPS:
            kept = await store.take(rollup, owner(), by_force=True)
            if kept is None:
                raise Lost
            async with kept:
                try:
                    await _with_progress(kept)
                except Lost:
                    raise StartupError(
                        f"{rollup.name} is being built by another process: wait until it is done."
                    ) from None

    _run(settings, run)


def keep_all(settings: Settings) -> None:
    """Keeps all rollups, until a signal ends it."""

    async def run(store: Store) -> None:
        await ready(store)
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        click.echo(f"Keeping {len(ROLLUPS)} rollups.")
        async with keeping(store):
            await ended.wait()

    _run(settings, run)


def show(settings: Settings) -> None:
    """Prints who keeps each rollup and how late it is, and how many cells its levels have."""

    async def run(store: Store) -> None:
        before = [await store.state(rollup) for rollup in ROLLUPS]
        await asyncio.sleep(_RATE_SECONDS)
        now = await moment(store.database)
        for rollup, was in zip(ROLLUPS, before, strict=True):
            state = await store.state(rollup)
            if not state.get("cells"):
                click.echo(f"{rollup.name}: not built")
                continue
            lag = max(0, (now.at - state["as_of"]).total_seconds())
            rate = (state.get("changes", 0) - was.get("changes", 0)) / _RATE_SECONDS
            kept = "expires_at" in state and state["expires_at"] > now.at
            by = f"kept by {state['owner']}" if kept else "kept by nobody"
            click.echo(
                f"{rollup.name}: {lag:.1f} s behind, {rate:,.0f} changes/s, {by}, "
                f"built {_at(state['built_at'])}, verified {_at(state.get('verified_at'))}"
            )
            cells = await _cells_by_level(store.database[state["cells"]])
            for level in rollup.levels:
                click.echo(f"  {level.name}: {cells.get(level.name, 0):,} cells")

    _run(settings, run)


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "never"


async def _cells_by_level(cells: Cells) -> dict[str, int]:
    there: list[Stage] = [{"$match": {"documents": {"$ne": 0}}}]
    counted = await cells.aggregate([*there, {"$sortByCount": "$level"}])
    return {each["_id"]: each["count"] async for each in counted}


def verify_all(settings: Settings) -> int:
    """Prints each difference between cells and documents, and gives their number."""
    differences = 0

    async def run(store: Store) -> None:
        nonlocal differences
        for rollup in ROLLUPS:
            found = await verify(store, rollup)
            for difference in found:
                click.echo(difference)
            click.echo(f"{rollup.name}: {f'{len(found)} differences' if found else 'exact'}")
            differences += len(found)

    _run(settings, run)
    return differences


async def _with_progress(kept: Kept) -> None:
    source = kept.rollup.source.get_pymongo_collection()
    total = len(kept.rollup.cubes) * await source.estimated_document_count()
    with tqdm(total=total, unit=" rows", desc=kept.rollup.name, file=sys.stderr) as bar:

        async def look() -> None:
            before = await _read_so_far(kept.rollup)
            while True:
                await asyncio.sleep(_LOOK_SECONDS)
                read = min(total, await _read_so_far(kept.rollup) - before)
                bar.update(read - bar.n)

        looking = asyncio.create_task(look())
        try:
            await build(kept)
        finally:
            await cancel(looking)
        bar.update(total - bar.n)


async def _read_so_far(rollup: Rollup) -> int:
    """How many documents of the collection anybody read since its server started."""
    stages: list[Stage] = [{"$collStats": {"storageStats": {}}}]
    found = await (await rollup.source.get_pymongo_collection().aggregate(stages)).to_list()
    cursors = (each["storageStats"].get("wiredTiger", {}).get("cursor", {}) for each in found)
    return sum(each.get("next calls", 0) for each in cursors)


def _run(settings: Settings, work: Callable[[Store], Coroutine[Any, Any, None]]) -> None:
    async def run(uri: str) -> None:
        async with connect(uri, settings) as database:
            store = Store(kept_in(settings, database))
            await supported(store)
            await work(store)

    with data.address(settings) as uri:
        asyncio.run(run(uri))
