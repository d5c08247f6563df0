"""The commands `headcount rollups`: build, run and verify."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

import click
from tqdm import tqdm

from cancelling import cancel
from cubes.declaration import Stage
from errors import StartupError
from rollups.keeper.build import build
from rollups.keeper.lease import Lease, LeaseLost, acquire
from rollups.keeper.prerequisites import check_server, check_source
from rollups.keeper.store import RollupStore
from rollups.keeper.supervisor import lease_owner, maintaining
from rollups.keeper.verify import verify
from rollups.layout.rollup import Rollup, rollups
from server.database import connect, database_uri
from server.rollups import prepare_or_refuse, rollup_store
from server.settings import Settings

_PROGRESS_SECONDS: Final = 0.5


def build_all(settings: Settings) -> None:
    """Builds all rollups, with a progress bar; raises `StartupError`.

    Running keepers go on with the new cells. A rollup that can't be maintained has a line.
    """

    async def run(store: RollupStore) -> None:
        reasons = await prepare_or_refuse(settings, store)
        for rollup in rollups(settings.catalog):
            if rollup in reasons:
                print_live(rollup, reasons[rollup])
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

    run_with_store(settings, run)


def maintain_all(settings: Settings) -> None:
    """Maintains all rollups until SIGINT or SIGTERM; raises `StartupError`.

    A rollup that can't be maintained has a line, and is maintained as soon as it can be.
    """

    async def run(store: RollupStore) -> None:
        reasons = await prepare_or_refuse(settings, store)
        for rollup, reason in reasons.items():
            print_live(rollup, reason)
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        click.echo(f"Maintaining {len(rollups(settings.catalog)) - len(reasons)} rollups.")
        async with maintaining(store, rollups(settings.catalog)):
            await ended.wait()

    run_with_store(settings, run)


def verify_all(settings: Settings) -> int:
    """Prints each cell that differs from a fresh count, and returns their number.

    A rollup that can't be maintained has a line with the reason.
    """
    differences = 0

    async def run(store: RollupStore) -> None:
        nonlocal differences
        for rollup in rollups(settings.catalog):
            if reason := await obstacle(rollup):
                print_live(rollup, reason)
                continue
            found = await verify(store, rollup)
            for difference in found:
                click.echo(difference)
            click.echo(f"{rollup.name}: {f'{len(found)} differences' if found else 'exact'}")
            differences += len(found)

    run_with_store(settings, run)
    return differences


async def obstacle(rollup: Rollup) -> str | None:
    """Why a rollup's collection can't be followed; None if it can."""
    try:
        await check_source(rollup)
    except StartupError as error:
        return str(error)
    return None


def print_live(rollup: Rollup, reason: str) -> None:
    """Prints the line of a rollup that can't be maintained."""
    click.echo(f"{rollup.name}: counted live. {reason}")


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


def run_with_store(
    settings: Settings, work: Callable[[RollupStore], Coroutine[Any, Any, None]]
) -> None:
    """Runs `work` with the configured store; raises `StartupError` if it can't have rollups."""

    async def run(uri: str) -> None:
        async with connect(uri, settings) as database:
            store = rollup_store(settings, database)
            await check_server(store)
            await work(store)

    with database_uri(settings) as uri:
        asyncio.run(run(uri))
