"""Parts of a build: each has a range of documents as of its own cluster time.

See `rollups/keeper/build.py`.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bson import Binary, Timestamp
from pymongo import WriteConcern
from pymongo.asynchronous.command_cursor import AsyncCommandCursor

from cancelling import cancel
from cubes.declaration import Stage
from cubes.expressions import Expression
from documents.reads import BY_CODE_POINT, AsOf
from rollups.keeper.cell_collections import new_cells
from rollups.keeper.changes import batches
from rollups.keeper.cluster_time import majority_time
from rollups.keeper.deltas import deltas
from rollups.keeper.lease import Lease
from rollups.keeper.store import RAW, CellCollection, source_of

_INSERT_BATCH: Final = 5_000


@dataclass(frozen=True)
class Progress:
    """What a build has done, as the state document stores it in `building`.

    The parts have the documents with an `_id` up to `upper`, as of the build's position. `parts`
    are the names and the UUIDs of their collections. `as_of` is the server's clock at the position.
    `seconds` is the time that the parts took, without pauses.
    """

    replica_set: Any
    source_uuid: Binary | None
    parts: Sequence[tuple[str, Binary]]
    upper: Any = None
    as_of: datetime | None = None
    complete: bool = False
    documents: int = 0
    seconds: float = 0


async def next_part(
    lease: Lease, before: Progress, position: Timestamp | None, size: int
) -> tuple[Progress, Timestamp]:
    """Adds the part with the next range of about `size` documents; returns its position, too."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    rollup = lease.rollup
    source = source_of(rollup)
    part, uuid = await new_cells(lease)
    left = await source.estimated_document_count() - before.documents
    bound = await _bound(source, before, size) if left > size else []
    # Later than the choice of the bound, and not before the build's position.
    now = await majority_time(source.database)
    time = max(now.cluster_time, position or now.cluster_time)
    within, options = _range(before, bound)
    snapshot = source.with_options(read_concern=AsOf(time))
    work = [fill(part, snapshot, [*within, *level.cells()], **options) for level in rollup.finest]
    if position is not None:
        work.append(_catch_up(lease, part, before.upper, position, time))
    await side_by_side(work)
    return (
        replace(
            before,
            parts=[*before.parts, (part.name, uuid)],
            upper=bound[0] if bound else None,
            complete=not bound,
            as_of=now.at,
            documents=before.documents + (size if bound else left),
            seconds=before.seconds + loop.time() - began,
        ),
        time,
    )


async def _bound(source: CellCollection, before: Progress, size: int) -> list[Any]:
    """The `_id` that the next range ends with; empty if it ends with the collection."""
    if (await source.options()).get("collation"):
        # The index of `_id` has another order than the ranges, which compare by code point.
        return []
    ids = source.find({}, {"_id": 1}).hint("_id_")
    if before.parts:
        ids = ids.min([("_id", before.upper)])
    return [each["_id"] async for each in ids.skip(size).limit(1)]


def _range(before: Progress, bound: Sequence[Any]) -> tuple[list[Stage], dict[str, Any]]:
    """The stages and the options with which an aggregation reads the next range."""
    options: dict[str, Any] = {}
    if before.source_uuid is not None:
        options["collectionUUID"] = before.source_uuid
    # In expressions, as values of all types are ordered there.
    bounds: list[Expression] = [{"$lte": ["$_id", _literal(upper)]} for upper in bound]
    if before.parts:
        bounds.append({"$gt": ["$_id", _literal(before.upper)]})
    if not bounds:
        return [], options
    # Another index would be read as a whole for each range.
    return [{"$match": {"$expr": {"$and": bounds}}}], options | {"hint": "_id_"}


async def _catch_up(
    lease: Lease, part: CellCollection, upper: Any, position: Timestamp, until: Timestamp
) -> None:
    """Inserts what changed in documents up to the `_id` `upper`, after `position` up to `until`."""
    names = {level.name for level in lease.rollup.finest}
    earlier_ranges: Stage = {
        "$match": {
            "$expr": {
                "$or": [
                    # A drop, for instance.
                    {"$eq": [{"$type": "$documentKey"}, "missing"]},
                    {"$lte": ["$documentKey._id", _literal(upper)]},
                ]
            }
        }
    }
    async with aclosing(batches(lease.rollup, position, earlier_ranges)) as changed:
        async for batch in changed:
            batch.check_order(position)
            changes = [each for each in batch.changes if each["clusterTime"] <= until]
            added = await deltas(lease.store, lease.rollup, changes)
            if added := [delta for delta in added if delta["level"] in names]:
                await _by_primary(part).insert_many(added, ordered=False)
            position = max(position, batch.until.cluster_time)
            if position >= until:
                return


async def side_by_side(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs coroutines side by side; if one fails, the others are cancelled."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        await cancel(*tasks)


async def fill(
    cells: CellCollection, source: CellCollection, pipeline: list[Stage], **options: Any
) -> None:
    """Inserts the cells that a pipeline computes."""
    found: AsyncCommandCursor[Any] = await source.with_options(codec_options=RAW).aggregate(
        pipeline, allowDiskUse=True, collation=BY_CODE_POINT, batchSize=_INSERT_BATCH, **options
    )
    while batch := await found.to_list(_INSERT_BATCH):
        await _by_primary(cells).insert_many(batch, ordered=False)


def _by_primary(cells: CellCollection) -> CellCollection:
    # The later writes, of indexes and state, wait for a majority; that covers these inserts.
    return cells.with_options(write_concern=WriteConcern(w=1))


def _literal(value: Any) -> Expression:
    return {"$literal": value}
