"""Building a rollup: its cells as of one moment, into a collection that nobody reads yet."""

import asyncio
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from pymongo.asynchronous.command_cursor import AsyncCommandCursor

from cancelling import cancel
from cubes.cube import Cube, Stage
from cubes.level import Level
from documents.reads import BY_CODE_POINT, AsOf
from rollups.moment import moment
from rollups.store import LEASE_SECONDS, Cells, Kept

RAW: Final[CodecOptions[Any]] = DEFAULT_RAW_BSON_OPTIONS
"""Documents as they come: what is passed on is not to be read and written again."""

_BATCH: Final = 1_000


async def build(kept: Kept) -> None:
    """Builds the rollup, and switches to it at once; raises `Lost`.

    What changes meanwhile is to be followed afterwards, from the moment that the cells are of.
    """
    building = asyncio.create_task(_build(kept))
    renewing = asyncio.create_task(_renew(kept))
    try:
        await asyncio.wait({building, renewing}, return_when=asyncio.FIRST_COMPLETED)
        await (building if building.done() else renewing)
    finally:
        await cancel(building, renewing)


async def _renew(kept: Kept) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        await kept.write({})


async def _build(kept: Kept) -> None:
    rollup = kept.rollup
    source = rollup.source.get_pymongo_collection()
    now = await moment(source.database)
    cells = await kept.new_cells()
    finest = dict[Cube, Level]()
    for level in rollup.levels:
        if level.cube in finest:
            await _fill(cells, cells, level.of_finer(finest[level.cube]))
            continue
        finest[level.cube] = level
        await _fill(cells, source.with_options(read_concern=AsOf(now.time)), level.cells())
    before = (await kept.store.state(rollup)).get("cells")
    await kept.write(
        {
            "cells": cells.name,
            "declaration": rollup.declaration,
            "position": now.time,
            "as_of": now.at,
            "built_at": now.at,
        }
    )
    # Whoever reads the cells that were before learned of them a moment ago.
    await kept.drop_unread(before)


async def _fill(cells: Cells, source: Cells, pipeline: list[Stage]) -> None:
    """Writes the cells that a pipeline makes."""
    found: AsyncCommandCursor[Any] = await source.with_options(codec_options=RAW).aggregate(
        pipeline, allowDiskUse=True, collation=BY_CODE_POINT, batchSize=_BATCH
    )
    while batch := await found.to_list(_BATCH):
        await cells.insert_many(batch)
