"""Incarnations: whether a state document, its cells and the collection still belong together.

A dump that is restored has state documents and cells of another time, or of another replica set. A
keeper that followed on from them would count the restored documents twice.
"""

from collections.abc import Mapping
from typing import Any, Final

from bson import Binary
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from cubes.declaration import Stage
from rollups.keeper.changes import Gap
from rollups.keeper.store import CellCollection, RollupStore, State, source_of
from rollups.layout.rollup import Rollup

HISTORY_LOST: Final = 286
"""MongoDB's error code of a change stream that begins before the oplog."""
UUID_MISMATCH: Final = 361
"""MongoDB's error code of a collection that has another UUID, or does not exist."""

_REASONS: Final = {
    "replica_set": "the cells are of another replica set",
    "source_uuid": "the cells are of another collection of this name",
    "cells_uuid": "the cells were dropped or restored",
}


async def uuid_of(collection: CellCollection) -> Binary | None:
    """The UUID that MongoDB gave the collection at its creation; None if it does not exist."""
    found = await collection.database.list_collections(filter={"name": collection.name})
    return next((each["info"].get("uuid") for each in await found.to_list()), None)


async def replica_set_of(store: RollupStore) -> Any:
    """The id of the replica set; None if the credentials may not read its configuration."""
    try:
        found = await store.database.client.admin.command("replSetGetConfig")
    except OperationFailure:
        return None
    return found["config"]["settings"]["replicaSetId"]


async def incarnation_of(
    store: RollupStore, rollup: Rollup, cells: CellCollection
) -> dict[str, Any]:
    """The fields of a state document that say what its numbers belong to."""
    return {
        "replica_set": await replica_set_of(store),
        "source_uuid": await uuid_of(source_of(rollup)),
        "cells_uuid": await uuid_of(cells),
    }


async def check_incarnation(store: RollupStore, rollup: Rollup, state: State) -> None:
    """Raises `Gap` if the state's cells can't be followed on from.

    The caller has the rollup's lease: acquiring it made earlier writes of the state durable.
    """
    found = await incarnation_of(store, rollup, store.database[state["cells"]])
    if None in (state["replica_set"], found["replica_set"]):
        # The UUIDs tell two replica sets apart where the configuration may not be read.
        found = found | {"replica_set": state["replica_set"]}
    for field, reason in _REASONS.items():
        if state[field] != found[field]:
            raise Gap(reason)
    if not await _wrote_last(store, state):
        raise Gap("the oplog does not have the state document's last write: it was restored")


async def check_uuid(
    cells: CellCollection, uuid: Binary, session: AsyncClientSession | None = None
) -> None:
    """Raises `OperationFailure` with `UUID_MISMATCH` unless the collection has the UUID.

    In a transaction, the collection can't be dropped from then on.
    """
    nothing: list[Stage] = [{"$match": {"_id": None}}]
    await cells.aggregate(nothing, session=session, collectionUUID=uuid)


async def _wrote_last(store: RollupStore, state: State) -> bool:
    """Whether the oplog's last write of the state's position is an update to this position.

    A restored document comes as an insert. A position that is a time alone would not show that: on
    a new replica set, a change stream may begin at any time before the set's own.
    """
    position = state["position"]
    writes: list[Stage] = [
        {"$changeStream": {"startAtOperationTime": position}},
        {
            "$match": {
                "$or": [
                    {"operationType": {"$nin": ["insert", "update", "replace", "delete"]}},
                    {"documentKey._id": state["_id"], "operationType": {"$ne": "update"}},
                    {
                        "documentKey._id": state["_id"],
                        "updateDescription.updatedFields.position": {"$exists": True},
                    },
                ]
            }
        },
    ]
    last: Mapping[str, Any] = {}
    try:
        stream: Any = await store.states.aggregate(writes, maxAwaitTimeMS=1)
        async with stream:
            # No write is missing at the end: what the lease's holder reads, a majority has.
            while (write := await stream.try_next()) is not None:
                last = write
    except OperationFailure as error:
        if error.code != HISTORY_LOST:
            raise
    written = last.get("updateDescription", {}).get("updatedFields", {}).get("position")
    return bool(written == position)
