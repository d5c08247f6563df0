"""Building a rollup: all cells as of one cluster time, in a collection of their own."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from pymongo import WriteConcern
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.errors import OperationFailure

from cancelling import cancel, first
from cubes.declaration import Stage
from documents.reads import BY_CODE_POINT, SNAPSHOT_TOO_OLD, AsOf
from errors import StartupError
from rollups.keeper.cell_collections import Build, all_builds, create_indexes
from rollups.keeper.cluster_time import majority_time
from rollups.keeper.incarnation import incarnation_of
from rollups.keeper.lease import Lease
from rollups.keeper.store import RAW, CellCollection, source_of
from rollups.layout.level import Level, levels

_INSERT_BATCH: Final = 5_000


async def build(lease: Lease) -> None:
    """Builds all cells and makes the state document point at them.

    Changes after the build's cluster time are applied by `follow`. Raises `LeaseLost`; raises
    `StartupError` if the build takes longer than MongoDB can read as of its cluster time.
    """
    try:
        await first(_build(lease), _renew(lease))
    except OperationFailure as error:
        if error.code != SNAPSHOT_TOO_OLD:
            raise
        raise StartupError(
            f"Building {lease.rollup.name} took longer than MongoDB's parameter "
            "minSnapshotHistoryWindowInSeconds: set it to the number of seconds that a build takes."
        ) from error


async def new_cells(lease: Lease) -> CellCollection:
    """A new, empty collection for a build; raises `LeaseLost`."""
    state = await lease.update({}, increments={"builds": 1})
    new = Build(state["_id"], state["fencing_token"], state["builds"])
    earlier = [build for build in await all_builds(lease.store) if build.precedes(new)]
    # A reader may have learned the name of the last build just now: that one stays.
    for build in earlier[:-1]:
        if build.collection != state.get("cells"):
            await lease.store.database[build.collection].drop()
    return lease.store.database[new.collection]


async def _renew(lease: Lease) -> None:
    while True:
        await asyncio.sleep(lease.store.lease_seconds / 3)
        await lease.update({})


async def _build(lease: Lease) -> None:
    rollup = lease.rollup
    source = source_of(rollup)
    now = await majority_time(source.database)
    cells = await new_cells(lease)
    snapshot = source.with_options(read_concern=AsOf(now.cluster_time))

    async def fill(levels: Iterator[Level]) -> None:
        finest = next(levels)
        await _fill(cells, snapshot, finest.cells())
        for level in levels:
            await _fill(cells, cells, level.cells_of_finer(finest))

    filling = [asyncio.create_task(fill(levels(cube))) for cube in rollup.cubes]
    try:
        await asyncio.gather(*filling)
    finally:
        await cancel(*filling)
    # Indexes come last: inserting into indexed collections takes twice as long.
    await create_indexes(cells, rollup)
    incarnation = await incarnation_of(lease.store, rollup, cells)
    await lease.update(
        {
            "cells": cells.name,
            "position": now.cluster_time,
            "version": now.cluster_time,
            "as_of": now.at,
            "built_at": now.at,
        }
        | incarnation
    )


async def _fill(cells: CellCollection, source: CellCollection, pipeline: list[Stage]) -> None:
    """Inserts the cells that a pipeline computes."""
    found: AsyncCommandCursor[Any] = await source.with_options(codec_options=RAW).aggregate(
        pipeline, allowDiskUse=True, collation=BY_CODE_POINT, batchSize=_INSERT_BATCH
    )
    # The later writes, of indexes and state, wait for a majority; that covers these inserts.
    by_primary = cells.with_options(write_concern=WriteConcern(w=1))
    while batch := await found.to_list(_INSERT_BATCH):
        await by_primary.insert_many(batch, ordered=False)
