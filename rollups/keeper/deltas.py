"""Deltas: what changes of documents add to cells, by the cubes' own expressions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.errors import OperationFailure

from cubes.cells import exact
from documents.reads import BY_CODE_POINT
from rollups.keeper.store import RAW, RollupStore
from rollups.layout.rollup import Rollup

TOO_LARGE: Final = 10334
"""MongoDB's error code of a document or an answer above 16 MB."""

_COMMAND_BYTES: Final = 8_000_000

Weighted = Mapping[str, Any]
"""`{weight, document}`: −1 and a document before a change, or 1 and a document after it."""
Delta = RawBSONDocument
"""A cell whose numbers are to be added to those of the stored cell."""


async def updates(
    store: RollupStore, rollup: Rollup, changes: Sequence[RawBSONDocument]
) -> list[UpdateOne]:
    """The updates of cells that changes cause; cells whose numbers stay the same have none."""
    return [_update(delta) for delta in await deltas(store, rollup, changes)]


async def deltas(
    store: RollupStore, rollup: Rollup, changes: Sequence[RawBSONDocument]
) -> list[Delta]:
    """What changes add to cells, computed by MongoDB. A cell may have more than one delta."""
    return [
        delta
        for part in _commands(_weighted(changes))
        for delta in await deltas_of_weighted(store, rollup, part)
        if any((delta["documents"], *map(exact, delta["measures"].values())))
    ]


async def deltas_of_weighted(
    store: RollupStore, rollup: Rollup, weighted: Sequence[Weighted]
) -> list[Delta]:
    """The deltas of weighted documents, in as many commands as they need."""
    database = store.database.with_options(codec_options=RAW)
    try:
        found = await database.aggregate(rollup.deltas(weighted), collation=BY_CODE_POINT)
        (levels,) = await found.to_list()
    except OperationFailure as error:
        if error.code != TOO_LARGE or len(weighted) == 1:
            raise
        # The cells' keys are too long for one answer.
        half = len(weighted) // 2
        return [
            *await deltas_of_weighted(store, rollup, weighted[:half]),
            *await deltas_of_weighted(store, rollup, weighted[half:]),
        ]
    return [delta for deltas in levels.values() for delta in deltas]


def _update(delta: Delta) -> UpdateOne:
    sums = {f"measures.{name}": value for name, value in delta["measures"].items()}
    return UpdateOne(
        {"level": delta["level"], "key": {"$eq": delta["key"]}},
        {"$inc": {"documents": delta["documents"]} | sums},
        upsert=True,
    )


def _weighted(changes: Sequence[RawBSONDocument]) -> Iterator[Weighted]:
    """The documents before and after each change that touches a field of the cubes."""
    for change in changes:
        before, after = change.get("fullDocumentBeforeChange"), change.get("fullDocument")
        if before == after:
            continue
        if before is not None:
            yield {"weight": -1, "document": before}
        if after is not None:
            yield {"weight": 1, "document": after}


def _commands(weighted: Iterator[Weighted]) -> Iterator[Sequence[Weighted]]:
    """The weighted documents in parts that fit into one command each."""
    part: list[Weighted] = []
    size = 0
    for each in weighted:
        length = len(each["document"].raw)
        if part and size + length > _COMMAND_BYTES:
            yield part
            part, size = [], 0
        part.append(each)
        size += length
    if part:
        yield part
