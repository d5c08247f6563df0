"""The commands `headcount rollups`: cells are built, kept, shown and verified."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import click
from tqdm import tqdm

from cancelling import cancel
from cubes.cube import Stage
from cubes.rollup import ROLLUPS, Rollup
from errors import StartupError
from rollups.build import build
from rollups.keep import keep, prepare
from rollups.moment import moment
from rollups.store import Kept, Store
from rollups.verify import verify
from server import data
from server.database import connect
from server.settings import Settings

_LOOK_SECONDS = 0.5


@asynccontextmanager
async def _opened(settings: Settings, uri: str) -> AsyncIterator[Store]:
    async with connect(uri, settings) as database:
        kept_in = settings.rollups_database or settings.database
        yield Store(database.client.get_database(kept_in, database.codec_options))


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def build_all(settings: Settings) -> None:
    """Builds all rollups, with a progress bar; raises `StartupError` where it can't."""

    async def run(store: Store) -> None:
        for rollup in ROLLUPS:
            await prepare(rollup)
            kept = await store.take(rollup, _owner())
            if kept is None:
                owner = (await store.state(rollup))["owner"]
                raise StartupError(
                    f"{rollup.name} is kept by {owner}, which builds it when that is needed. To "
                    "build it here, stop that first."
                )
            try:
                await _with_progress(kept)
            finally:
                await kept.release()

    _run(settings, run)


def keep_all(settings: Settings) -> None:
    """Keeps all rollups, until a signal ends it."""

    async def run(store: Store) -> None:
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        keeping = [asyncio.create_task(keep(store, rollup, _owner())) for rollup in ROLLUPS]
        click.echo(f"Keeping {len(ROLLUPS)} rollups.")
        await ended.wait()
        await cancel(*keeping)

    _run(settings, run)


def show(settings: Settings) -> None:
    """Prints a line for each rollup."""

    async def run(store: Store) -> None:
        now = await moment(store.database)
        for rollup in ROLLUPS:
            state = await store.state(rollup)
            if not state.get("cells"):
                click.echo(f"{rollup.name}: not built")
                continue
            cells = await store.database[state["cells"]].count_documents({"documents": {"$ne": 0}})
            lag = max(0, (now.at - state["as_of"]).total_seconds())
            kept = "expires_at" in state and state["expires_at"] > now.at
            by = f"kept by {state['owner']}" if kept else "kept by nobody"
            click.echo(
                f"{rollup.name}: {cells:,} cells, {lag:.1f} s behind, {by}, "
                f"built {state['built_at']:%Y-%m-%d %H:%M:%S} UTC"
            )

    _run(settings, run)


def verify_all(settings: Settings) -> int:
    """Prints each difference between cells and documents, and gives their number."""
    differences = 0

    async def run(store: Store) -> None:
        nonlocal differences
        for rollup in ROLLUPS:
            found = 0
            async for difference in verify(store, rollup):
                found += 1
                click.echo(
                    f"{difference.level}, {dict(difference.key)}: kept {difference.kept}, "
                    f"counted {difference.counted}"
                )
            click.echo(f"{rollup.name}: {'exact' if not found else f'{found} differences'}")
            differences += found

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
        async with _opened(settings, uri) as store:
            hello = await store.database.command("hello")
            if "setName" not in hello:
                raise StartupError(
                    "Rollups need a replica set, which may have one member: this MongoDB "
                    + ("is a sharded cluster." if "msg" in hello else "stands alone.")
                )
            await work(store)

    with data.address(settings) as uri:
        asyncio.run(run(uri))
