"""The database of rollups: state documents, and collections of cells.

Each declaration of a rollup has a state document, a lease and cells of its own. During a rolling
deployment, servers of two versions maintain and read two declarations side by side.

A state document is `{_id, rollup, declaration, owner, session, fencing_token, expires_at, cells,
position, as_of, version, replica_set, source_uuid, cells_uuid, statistics, built_at, builds,
building, build_position, collections, changes, batches, checks, differences, verified_at}`:

- `_id`, `rollup`, `declaration`: `<rollup>@<first 12 hex digits of declaration>`, the name of the
  followed collection with its database, and the hash of its cubes' declarations.
- `owner`, `session`: the keeper, and its session's id for `killSessions`.
- `fencing_token`: a number that grows with each lease.
- `expires_at`: when the lease ends unless it is renewed, or when it ended.
- `cells`: the name of the collection that readers use; absent while there is none.
- `position`: the resume position. The cells contain all changes up to this cluster time.
- `as_of`: the server's clock at `position`.
- `version`: the cluster time at which the cells last changed.
- `replica_set`, `source_uuid`, `cells_uuid`: the id of the replica set, None if it can't be read,
  and the UUIDs of the followed collection and of the cells' collection.
- `statistics`: how many cells and documents a bucket has (`rollups/layout/read_cost.py`).
- `built_at`, `builds`: the time of the last build, and the number of builds.
- `building`, `build_position`: the parts of an unfinished build (`rollups/keeper/parts.py`), and
  the cluster time that they are as of.
- `collections`: how many collections of cells and parts were created; their names have the number.
- `changes`, `batches`: changes applied, and transactions that applied them.
- `checks`, `differences`, `verified_at`: comparisons of cells with documents, cells that differed,
  and the time of the last comparison; None if there was none since the build.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from pymongo import ReadPreference, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from rollups.layout.rollup import STATES, Rollup

LEASE_SECONDS: Final = 6
"""How long a lease lasts unless it is renewed."""
RAW: Final[CodecOptions[Any]] = DEFAULT_RAW_BSON_OPTIONS
"""Leaves documents encoded: the keeper passes most of them on without reading them."""

State = Mapping[str, Any]
CellCollection = AsyncCollection[dict[str, Any]]


class RollupStore:
    """The state documents and cell collections of one database."""

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        *,
        lease_seconds: float = LEASE_SECONDS,
        build_share: float = 1,
    ) -> None:
        """Builds work `build_share` of the time, above 0 and at most 1."""
        # A secondary may lag: a lease or a position read there could be an old one. A lease that
        # no majority has could be acquired by two processes.
        self.database = database.with_options(
            read_preference=ReadPreference.PRIMARY, write_concern=WriteConcern("majority")
        )
        self.lease_seconds = lease_seconds
        self.build_share = build_share
        self.states: AsyncCollection[dict[str, Any]] = self.database[STATES]

    async def state(self, rollup: Rollup) -> State:
        """The rollup's state document; empty if there is none."""
        return await self.states.find_one({"_id": rollup.state_id}) or {}

    async def other_states(self, rollup: Rollup) -> Sequence[State]:
        """The state documents of the rollup's other declarations."""
        # An early version of Headcount had one state, whose `_id` is the rollup's name.
        other = {"$or": [{"rollup": rollup.name}, {"_id": rollup.name}]}
        return await self.states.find(other | {"_id": {"$ne": rollup.state_id}}).to_list()

    async def register(self, rollup: Rollup) -> None:
        """Creates the rollup's state document if there is none."""
        initial = {
            "rollup": {"$literal": rollup.name},
            "declaration": rollup.declaration,
            "fencing_token": 0,
            "expires_at": "$$NOW",
        }
        missing = {name: {"$ifNull": [f"${name}", value]} for name, value in initial.items()}
        await self.states.update_one({"_id": rollup.state_id}, [{"$set": missing}], upsert=True)

    async def record_check(self, rollup: Rollup, cells: str, differences: int) -> None:
        """Counts a comparison; after one with differences, `cells` are not read any more."""
        await self.states.update_one(
            {"_id": rollup.state_id},
            {"$currentDate": {"verified_at": True}}
            | {"$inc": {"checks": 1, "differences": differences}},
        )
        if differences:
            # Only these cells: a newer build may have replaced them meanwhile.
            wrong = {"_id": rollup.state_id, "cells": cells}
            await self.states.update_one(wrong, {"$unset": {"cells": ""}})


def source_of(rollup: Rollup) -> AsyncCollection[dict[str, Any]]:
    """The collection whose documents a rollup counts, read from the primary."""
    source: AsyncCollection[dict[str, Any]] = rollup.source.get_pymongo_collection()
    return source.with_options(read_preference=ReadPreference.PRIMARY)
