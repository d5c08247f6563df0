"""Building a rollup: its cells as of one moment, into a collection that nobody reads yet."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from pymongo import WriteConcern
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.errors import OperationFailure

from cancelling import cancel, first
from cubes.cube import Stage
from documents.reads import BY_CODE_POINT, AsOf
from errors import StartupError
from rollups.keeper.cluster_time import moment
from rollups.keeper.lease import Cells, Kept
from rollups.layout.level import Level, levels

RAW: Final[CodecOptions[Any]] = DEFAULT_RAW_BSON_OPTIONS
"""Documents as they come: what is passed on is not to be read and written again."""

_BATCH: Final = 5_000
# MongoDB's SnapshotTooOld.
_TOO_OLD: Final = 239


async def build(kept: Kept) -> None:
    """Builds the rollup, and switches to it at once; raises `Lost`, or `StartupError` if it can't.

    What changes meanwhile is to be followed afterwards, from the moment that the cells are of.
    """
    try:
        await first(_build(kept), _renew(kept))
    except OperationFailure as error:
        if error.code != _TOO_OLD:
            raise
        raise StartupError(
            f"Building {kept.rollup.name} took longer than MongoDB remembers the moment that it is "
            "of: set its parameter minSnapshotHistoryWindowInSeconds to as long as it takes."
        ) from error


async def _renew(kept: Kept) -> None:
    while True:
        await asyncio.sleep(kept.store.lease_seconds / 3)
        await kept.write({})


async def _build(kept: Kept) -> None:
    rollup = kept.rollup
    source = kept.store.source(rollup)
    now = await moment(source.database)
    cells = await kept.new_cells()
    at = source.with_options(read_concern=AsOf(now.time))

    async def fill(levels: Iterator[Level]) -> None:
        finest = next(levels)
        await _fill(cells, at, finest.cells())
        for level in levels:
            await _fill(cells, cells, level.cells_of_finer(finest))

    filling = [asyncio.create_task(fill(levels(cube))) for cube in rollup.cubes]
    try:
        await asyncio.gather(*filling)
    finally:
        await cancel(*filling)
    # Now: to fill them cell by cell takes twice as long.
    await kept.index(cells)
    await kept.write(
        {
            "cells": cells.name,
            "declaration": rollup.declaration,
            "position": now.time,
            "version": now.time,
            "as_of": now.at,
            "built_at": now.at,
        }
    )


async def _fill(cells: Cells, source: Cells, pipeline: list[Stage]) -> None:
    """Writes the cells that a pipeline makes."""
    found: AsyncCommandCursor[Any] = await source.with_options(codec_options=RAW).aggregate(
        pipeline, allowDiskUse=True, collation=BY_CODE_POINT, batchSize=_BATCH
    )
    # What follows, the indexes and the state, is what a majority is to have.
    written = cells.with_options(write_concern=WriteConcern(w=1))
    while batch := await found.to_list(_BATCH):
        await written.insert_many(batch, ordered=False)
