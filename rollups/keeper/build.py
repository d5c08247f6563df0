"""Building a rollup: the cells of a collection of any size.

MongoDB keeps a snapshot for five minutes by default, in which some 90 million documents can be
read. So a large collection is read in ranges of `_id`, each as of a cluster time of its own. The
cells of a range are a *part* of the build, in a collection of its own.

The parts so far have all documents up to an `_id`, as of one cluster time: the build's position.
The next part has the next range as of a later time, and what changed in the earlier ranges up to
then. Changes of later ranges are in no part: their documents are read later. A build that is killed
is resumed at the range that it was reading.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from bson import Timestamp
from pymongo.errors import OperationFailure

from cancelling import first
from cubes.declaration import Stage
from documents.reads import SNAPSHOT_TOO_OLD, SNAPSHOT_UNAVAILABLE
from errors import StartupError
from rollups.keeper.cell_collections import NOT_EMPTY, create_indexes, new_cells
from rollups.keeper.gap import Gap, gaps
from rollups.keeper.incarnation import check_build, check_uuid, replica_set_of, uuid_of
from rollups.keeper.lease import Lease
from rollups.keeper.parts import Progress, fill, next_part, side_by_side
from rollups.keeper.store import State, source_of
from rollups.layout.level import Level

_log = structlog.get_logger(__name__)

RANGE_DOCUMENTS = 20_000_000
"""The documents of a range; fewer where MongoDB's snapshots don't last long enough."""
THROTTLED_RANGE_DOCUMENTS: Final = 500_000
"""The documents of a range in a build that pauses between ranges."""

_SMALLEST_RANGE: Final = 1_000
_AGAIN_SECONDS: Final = 0.1


async def build(lease: Lease) -> None:
    """Builds all cells and makes the state document point at them.

    Resumes an unfinished build. Changes after the build's position are applied by `follow`.
    Raises `LeaseLost`, `Gap` if the collection is dropped or renamed meanwhile, and `StartupError`
    if MongoDB's snapshots are too short for the smallest range.
    """
    await first(_build(lease), _renew(lease))


async def _renew(lease: Lease) -> None:
    while True:
        await asyncio.sleep(lease.store.lease_seconds / 3)
        await lease.update({})


async def _build(lease: Lease) -> None:
    with gaps():
        state = await lease.store.state(lease.rollup)
        progress, position = await _unfinished(lease, state) or (await _new(lease), None)
        share = lease.store.build_share
        size = RANGE_DOCUMENTS if share == 1 else THROTTLED_RANGE_DOCUMENTS
        while not progress.complete:
            try:
                progress, position = await next_part(lease, progress, position, size)
            except OperationFailure as error:
                if error.code == SNAPSHOT_TOO_OLD:
                    size = await _smaller(lease, size)
                elif error.code == SNAPSHOT_UNAVAILABLE:
                    # The collection was renamed just now, for instance: a later time can be read.
                    await asyncio.sleep(_AGAIN_SECONDS)
                else:
                    raise
                continue
            if not progress.complete:
                await lease.update({"building": vars(progress), "build_position": position})
                worked = progress.seconds / len(progress.parts)
                await asyncio.sleep(worked * (1 / share - 1))
        await _finish(lease, progress, position)


async def _unfinished(lease: Lease, state: State) -> tuple[Progress, Timestamp] | None:
    """The progress and the position of the build to resume; None if there is none."""
    if not state.get("building"):
        return None
    try:
        await check_build(lease.store, lease.rollup, state)
    except Gap as gap:
        _log.info("a build starts anew", rollup=lease.rollup.name, reason=str(gap))
        return None
    return Progress(**state["building"]), state["build_position"]


async def _new(lease: Lease) -> Progress:
    uuid = await uuid_of(source_of(lease.rollup))
    return Progress(await replica_set_of(lease.store), uuid, parts=[])


async def _smaller(lease: Lease, size: int) -> int:
    """The size of a range that MongoDB's snapshots may be long enough for."""
    documents = await source_of(lease.rollup).estimated_document_count()
    size = min(size, documents) // 4
    if size < _SMALLEST_RANGE:
        raise StartupError(
            f"Building {lease.rollup.name} takes longer than MongoDB's parameter "
            "minSnapshotHistoryWindowInSeconds, even in ranges of a thousand documents: raise it."
        )
    _log.info("a build reads smaller ranges", rollup=lease.rollup.name, documents=size)
    return size


async def _finish(lease: Lease, progress: Progress, position: Timestamp | None) -> None:
    """Makes cells of the parts, and makes the state document point at them."""
    rollup, store = lease.rollup, lease.store
    (name, uuid), *others = progress.parts
    cells = part = store.database[name]
    if others:
        cells, uuid = await new_cells(lease)
        names = [name for name, _ in others]
        await side_by_side(
            fill(cells, part, _of_all_parts(level, names)) for level in rollup.finest
        )
    await side_by_side(
        fill(cells, cells, level.cells_of_finer(finer))
        for level, finer in rollup.finer.items()
        if finer is not None
    )
    # Indexes come last: inserting into indexed collections takes twice as long.
    await create_indexes(cells, rollup)
    for name, its_uuid in [*progress.parts, (cells.name, uuid)]:
        await check_uuid(store.database[name], its_uuid)
    await lease.update(
        {
            "cells": cells.name,
            "position": position,
            "version": position,
            "as_of": progress.as_of,
            "built_at": progress.as_of,
            "verified_at": None,
            "replica_set": progress.replica_set,
            "source_uuid": progress.source_uuid,
            "cells_uuid": uuid,
            "building": None,
        },
        increments={"builds": 1},
    )


def _of_all_parts(level: Level, others: Sequence[str]) -> list[Stage]:
    """The cells of a level, summed up over a part and the `others`."""
    of_level, *summed = level.cells_of_finer(level)
    union = ({"$unionWith": {"coll": name, "pipeline": [of_level]}} for name in others)
    return [of_level, *union, *summed, NOT_EMPTY]
