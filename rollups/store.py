"""Where rollups are kept: a collection of cells for each, and of their states for all.

A state is `{_id: the rollup's name, owner, fence, expires_at, cells, declaration, position,
as_of}`: who keeps it, and until when unless renewed; the collection of its cells, and the
declaration that they are of; the cluster time up to which changes are in them, and the server's
clock then.
"""

from collections.abc import Mapping
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from cubes.rollup import STATES, Rollup

LEASE_SECONDS: Final = 6
"""How long a rollup is its keeper's without being renewed."""

_CELLS: Final = "headcount_cells"

State = Mapping[str, Any]
Cells = AsyncCollection[dict[str, Any]]


class Lost(Exception):
    """Somebody else keeps the rollup now."""


class Store:
    """The rollups of a database."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self.database = database
        self.states: AsyncCollection[dict[str, Any]] = database[STATES]

    async def state(self, rollup: Rollup) -> State:
        """What is known of a rollup; nothing while nobody ever kept it."""
        return await self.states.find_one({"_id": rollup.name}) or {}

    async def take(self, rollup: Rollup, owner: str) -> "Kept | None":
        """The rollup, for `LEASE_SECONDS`, unless somebody has it."""
        await self.states.update_one(
            {"_id": rollup.name}, {"$setOnInsert": {"fence": 0}}, upsert=True
        )
        free = {"$not": [{"$gt": ["$expires_at", "$$NOW"]}]}
        taken = {
            "owner": {"$literal": owner},
            "fence": {"$add": ["$fence", 1]},
            "expires_at": _LATER,
        }
        state = await self.states.find_one_and_update(
            {"_id": rollup.name, "$expr": free}, [{"$set": taken}], return_document=True
        )
        return None if state is None else Kept(self, rollup, owner, state["fence"])


_LATER: Final = {"$add": ["$$NOW", 1000 * LEASE_SECONDS]}


class Kept:
    """A rollup that is ours for a while; whoever writes of it asks first whether it still is."""

    def __init__(self, store: Store, rollup: Rollup, owner: str, fence: int) -> None:
        self.store = store
        self.rollup = rollup
        self._mine = {"_id": rollup.name, "owner": owner, "fence": fence}
        self._fence = fence

    def cells(self, name: str) -> Cells:
        """A collection of cells."""
        return self.store.database[name]

    async def new_cells(self) -> Cells:
        """A collection for cells to be built, of which nobody knows yet."""
        cells = self.cells(f"{_CELLS}.{self.rollup.name}.{self._fence}")
        await cells.drop()
        by_key = [("level", ASCENDING), ("key", ASCENDING)]
        by_dimension = {
            name
            for level in self.rollup.levels
            for name in level.dimensions
            if isinstance(level.cube.dimensions[name], str)
        }
        await cells.create_indexes(
            [
                IndexModel(by_key, unique=True),
                *(
                    IndexModel([("level", ASCENDING), (f"key.{name}", ASCENDING)])
                    for name in sorted(by_dimension)
                ),
            ]
        )
        return cells

    async def write(self, state: Mapping[str, Any], *, session: Any = None, **known: Any) -> None:
        """Changes its state, if it has the `known` values; renews it. Raises `Lost`."""
        values = {name: {"$literal": value} for name, value in state.items()}
        found = await self.store.states.update_one(
            self._mine | known, [{"$set": values | {"expires_at": _LATER}}], session=session
        )
        if not found.matched_count:
            raise Lost

    async def drop_unread(self, older: str | None) -> None:
        """Drops cells that nobody reads: all but its own, and those that were before them."""
        prefix = f"{_CELLS}.{self.rollup.name}."
        state = await self.store.state(self.rollup)
        for name in await self.store.database.list_collection_names():
            numbered = name.startswith(prefix) and name.removeprefix(prefix).isdecimal()
            if numbered and name not in (state.get("cells"), older):
                await self.cells(name).drop()

    async def release(self) -> None:
        """Lets others have it at once."""
        await self.store.states.update_one(self._mine, {"$unset": {"expires_at": ""}})
