"""Incarnations: whether a state document, its cells and the collection still belong together.

A dump that is restored has state documents and cells of another time, or of another replica set. A
keeper that followed on from them would count the restored documents twice.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bson import Binary
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from cubes.declaration import Stage
from rollups.keeper.gap import HISTORY_LOST, Gap
from rollups.keeper.store import CellCollection, RollupStore, State, source_of
from rollups.layout.rollup import Rollup

_RESTORED: Final = "the oplog does not have the last write of the state document: it was restored"


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


async def check_incarnation(store: RollupStore, rollup: Rollup, state: State) -> None:
    """Raises `Gap` if the state's cells can't be followed on from.

    The caller has the rollup's lease: acquiring it made earlier writes of the state durable.
    """
    await _check(store, rollup, state, [(state["cells"], state["cells_uuid"])])
    if not await _wrote_last(store, state, "position"):
        raise Gap(_RESTORED)


async def check_build(store: RollupStore, rollup: Rollup, state: State) -> None:
    """Raises `Gap` if the state's unfinished build can't be resumed.

    The caller has the rollup's lease.
    """
    building = state["building"]
    await _check(store, rollup, building, building["parts"])
    if not await _wrote_last(store, state, "build_position"):
        raise Gap(_RESTORED)


async def _check(
    store: RollupStore, rollup: Rollup, noted: State, collections: Iterable[tuple[str, Binary]]
) -> None:
    replica_set = await replica_set_of(store)
    # The UUIDs tell two replica sets apart where the configuration may not be read.
    if noted["replica_set"] != replica_set and None not in (noted["replica_set"], replica_set):
        raise Gap("the cells are of another replica set")
    if noted["source_uuid"] != await uuid_of(source_of(rollup)):
        raise Gap("the cells are of another collection of this name")
    for name, uuid in collections:
        if uuid != await uuid_of(store.database[name]):
            raise Gap("the cells were dropped or restored")


async def check_uuid(
    cells: CellCollection, uuid: Binary, session: AsyncClientSession | None = None
) -> None:
    """Raises `OperationFailure` with `COLLECTION_REPLACED` unless the collection has the UUID.

    In a transaction, the collection can't be dropped from then on.
    """
    # PyMongo's `find` does not have the option.
    await cells.database.command(
        {"find": cells.name, "filter": {"_id": None}, "limit": 1, "collectionUUID": uuid},
        session=session,
    )


async def _wrote_last(store: RollupStore, state: State, field: str) -> bool:
    """Whether the oplog's last write of a position of the state is the update to its value.

    A restored document comes as an insert. A position that is a time alone would not show that: on
    a new replica set, a change stream may begin at any time before the set's own.
    """
    position = state[field]
    writes: list[Stage] = [
        {"$changeStream": {"startAtOperationTime": position}},
        {
            "$match": {
                "$or": [
                    {"operationType": {"$nin": ["insert", "update", "replace", "delete"]}},
                    {"documentKey._id": state["_id"], "operationType": {"$ne": "update"}},
                    {
                        "documentKey._id": state["_id"],
                        f"updateDescription.updatedFields.{field}": {"$exists": True},
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
    written = last.get("updateDescription", {}).get("updatedFields", {}).get(field)
    return bool(written == position)
