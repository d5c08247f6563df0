"""Following a collection: its changes are added to the cells, each exactly once."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import bson
from bson import Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from cubes.cells import exact
from cubes.cube import Stage
from documents.reads import BY_CODE_POINT
from rollups.keeper.build import RAW
from rollups.keeper.cluster_time import Moment, Moments, after
from rollups.keeper.lease import Cells, Kept

WAIT_MS: Final = 200
"""How long MongoDB waits for a change before it says that there is none."""
QUIET_SECONDS: Final = 0.4
"""How often it is written down that nothing has changed."""
SWEEP_SECONDS: Final = 60.0
"""How often cells that no document is behind are deleted."""

_BATCH: Final = 2_000
_BATCH_BYTES: Final = 8_000_000
# Cells are several times as large as the changes that make them, and take up several times that in
# a cache: in the smallest that MongoDB takes, 256 MB, there is room for twice as much.
_TRANSACTION_BYTES: Final = 1_000_000
_CHANGES: Final = frozenset({"insert", "update", "replace", "delete"})
_TOO_LARGE: Final = 10334
# History that is gone, images that were not kept, an event too large.
_BEYOND: Final = frozenset({280, 286, 47, _TOO_LARGE})


class Gap(Exception):
    """Changes can't be followed without a gap: the rollup is to be built anew."""


async def follow(kept: Kept) -> None:
    """Adds changes to the cells, from the state's position on, for good.

    Raises `Gap`, or `Lost` when somebody else keeps the rollup.
    """
    state = await kept.store.state(kept.rollup)
    position, cells = state["position"], kept.cells(state["cells"])
    loop = asyncio.get_running_loop()
    swept = loop.time()
    try:
        async for batch, now in _batches(kept, position):
            for changes, until in _bounded(batch, now):
                position = await _apply(kept, cells, position, changes, until)
            if loop.time() - swept > SWEEP_SECONDS:
                await _sweep(kept, cells)
                swept = loop.time()
    except OperationFailure as error:
        if error.code in _BEYOND:
            raise Gap(error.details and error.details.get("errmsg")) from error
        raise


async def _batches(
    kept: Kept, position: Timestamp
) -> AsyncIterator[tuple[Sequence[RawBSONDocument], Moment]]:
    """Changes after a position, those of one cluster time together, and what time they reach.

    A batch of none says that there were none until then.
    """
    source = kept.store.source(kept.rollup)
    moments = Moments(source.database)
    images = ("fullDocument", "fullDocumentBeforeChange")
    pipeline: list[Stage] = [
        {
            "$changeStream": {
                "startAtOperationTime": after(position),
                **dict.fromkeys(images, "required"),
            }
        },
        {
            "$project": dict.fromkeys(("operationType", "clusterTime", "wallTime"), 1)
            | {f"{image}.{name}": 1 for image in images for name in kept.rollup.fields}
        },
    ]
    cursor: Any = await source.aggregate_raw_batches(
        pipeline, maxAwaitTimeMS=WAIT_MS, batchSize=_BATCH
    )
    said = 0.0
    held: list[RawBSONDocument] = []
    async with cursor:
        while True:
            now = await moments.now()
            data = await cursor.try_next()
            if not data:
                if not cursor.alive:
                    raise Gap("the collection's changes ended")
                # All that was before now has come.
                loop = asyncio.get_running_loop().time()
                if held or loop - said >= QUIET_SECONDS:
                    yield held, now
                    said = loop
                held = []
                continue
            changes = held + bson.decode_all(data, RAW)
            for change in changes:
                if change["operationType"] not in _CHANGES:
                    raise Gap(f"the collection saw a {change['operationType']}")
            # The last ones may be of a transaction of which more is to come.
            last = changes[-1]["clusterTime"]
            whole = [change for change in changes if change["clusterTime"] != last]
            held = changes[len(whole) :]
            if whole:
                yield whole, Moment(whole[-1]["clusterTime"], whole[-1]["wallTime"])


async def _apply(
    kept: Kept,
    cells: Cells,
    position: Timestamp,
    changes: Sequence[RawBSONDocument],
    until: Moment,
) -> Timestamp:
    """Adds changes to the cells, and moves the state's position, both or neither; gives it."""
    updates = [
        UpdateOne(
            {"level": cell["level"], "key": {"$eq": cell["key"]}},
            {
                "$inc": {"documents": cell["documents"]}
                | {f"measures.{name}": value for name, value in cell["measures"].items()}
            },
            upsert=True,
        )
        for part in _parts(_weighted(changes))
        for cell in await _deltas(kept, part)
        if any((cell["documents"], *map(exact, cell["measures"].values())))
    ]
    reached = max(until.time, position)
    state = {"position": reached, "as_of": until.at} | ({"version": reached} if updates else {})
    added = {"changes": len(changes), "batches": 1} if changes else {}

    async def write(session: AsyncClientSession | None = None) -> None:
        # First: whoever lost the rollup meanwhile is to write nothing.
        await kept.write(state, added=added, session=session, position=position, cells=cells.name)
        if not updates:
            return
        try:
            await cells.bulk_write(updates, session=session)
        except OperationFailure as error:
            # Of a cache that is too small MongoDB may say that this is to be tried again, for good.
            if _size(changes) > _TRANSACTION_BYTES:
                raise Gap(
                    "changes of one time were refused: too large for a transaction"
                ) from error
            raise

    if not updates:
        await write()
    else:
        await kept.together(write)
    return reached


async def _sweep(kept: Kept, cells: Cells) -> None:
    """Deletes the cells that no document is behind, and drops those of earlier builds."""
    await kept.write({}, cells=cells.name)
    # In no transaction, which they may be too many for. Should somebody else keep the rollup by
    # now: a cell that they add to meanwhile is not deleted, and one that is gone is made anew.
    await cells.delete_many({"documents": 0})
    await kept.drop_before(cells)


def _bounded(
    batch: Sequence[RawBSONDocument], until: Moment
) -> Iterator[tuple[Sequence[RawBSONDocument], Moment]]:
    """Changes of a transaction each, those of one cluster time together, and what they reach."""
    part: list[RawBSONDocument] = []
    size = 0
    for _, group in groupby(batch, lambda change: change["clusterTime"]):
        changes = [*group]
        size += _size(changes)
        if part and size > _TRANSACTION_BYTES:
            yield part, Moment(part[-1]["clusterTime"], part[-1]["wallTime"])
            part, size = [], _size(changes)
        part += changes
    yield part, until


def _size(changes: Sequence[RawBSONDocument]) -> int:
    return sum(len(change.raw) for change in changes)


def _weighted(changes: Sequence[RawBSONDocument]) -> list[dict[str, Any]]:
    """What was, and what is, where that makes a difference."""
    weighted = []
    for change in changes:
        was, now = change.get("fullDocumentBeforeChange"), change.get("fullDocument")
        if was == now:
            continue
        weighted += [
            {"weight": weight, "document": document}
            for weight, document in ((-1, was), (1, now))
            if document is not None
        ]
    return weighted


def _parts(weighted: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """What fits into a command."""
    part: list[Mapping[str, Any]] = []
    size = 0
    for each in weighted:
        length = len(each["document"].raw)
        if part and size + length > _BATCH_BYTES:
            yield part
            part, size = [], 0
        part.append(each)
        size += length
    if part:
        yield part


async def _deltas(kept: Kept, part: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """What changes do to cells."""
    database = kept.store.database.with_options(codec_options=RAW)
    try:
        found = await database.aggregate(kept.rollup.deltas(part), collation=BY_CODE_POINT)
        (levels,) = await found.to_list()
    except OperationFailure as error:
        if error.code != _TOO_LARGE or len(part) == 1:
            raise
        # Cells whose keys are long: the same cell of both halves is changed twice.
        half = len(part) // 2
        return [*await _deltas(kept, part[:half]), *await _deltas(kept, part[half:])]
    return [cell for cells in levels.values() for cell in cells]
