"""Where rollups are kept: a collection of cells for each, and of their states for all.

A state is `{_id: the rollup's name, owner, session, fence, expires_at, cells, declaration,
position, as_of, version, built_at, builds, changes, batches, checks, differences, verified_at}`:
- who keeps it, in which session, and until when unless renewed;
- the collection of its cells, and the declaration that they are of; the cluster time up to which
  changes are in them, and the server's clock then; the cluster time at which they last became
  others; when they were built, and how many times that was done;
- how many changes were written, in how many transactions, since it was first kept; how often, and
  when last, cells were compared with documents, and how many differed.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Self

from pymongo import IndexModel, ReadPreference
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from cubes.expressions import Expression
from rollups.layout.rollup import STATES, Rollup

LEASE_SECONDS: Final = 6
"""How long a rollup is its keeper's without being renewed."""

_CELLS: Final = "headcount_cells"
_BUILD: Final = re.compile(r"\d+\.\d+")

State = Mapping[str, Any]
Cells = AsyncCollection[dict[str, Any]]


class Lost(Exception):
    """Somebody else keeps the rollup now."""


class Store:
    """The rollups of a database."""

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], *, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        # What a secondary has not got yet is not to be taken for what is.
        self.database = database.with_options(read_preference=ReadPreference.PRIMARY)
        self.lease_seconds = lease_seconds
        self.states: AsyncCollection[dict[str, Any]] = self.database[STATES]

    async def state(self, rollup: Rollup) -> State:
        """What is known of a rollup; nothing while nobody ever kept it."""
        return await self.states.find_one({"_id": rollup.name}) or {}

    def source(self, rollup: Rollup) -> AsyncCollection[dict[str, Any]]:
        """The collection that a rollup is of, as the primary has it."""
        source: AsyncCollection[dict[str, Any]] = rollup.source.get_pymongo_collection()
        return source.with_options(read_preference=ReadPreference.PRIMARY)

    async def register(self, rollup: Rollup) -> None:
        """Makes sure that there is a state of the rollup."""
        await self.states.update_one(
            {"_id": rollup.name}, {"$setOnInsert": {"fence": 0}}, upsert=True
        )

    async def take(self, rollup: Rollup, owner: str, *, by_force: bool = False) -> "Kept | None":
        """The rollup, for as long as a lease lasts, unless somebody has it.

        If it is taken by force, who has it learns of that when they write.
        """
        await self.register(rollup)
        free = by_force or {"$not": [{"$gt": ["$expires_at", "$$NOW"]}]}
        mine = {"_id": rollup.name, "$expr": free}
        before = await self.states.find_one(mine)
        if before is None:
            return None
        await self._end_transaction(before)
        session = self.database.client.start_session()
        taken = {
            "owner": {"$literal": owner},
            "session": {"$literal": session.session_id},
            # Not from the start again, should somebody drop the states.
            "fence": {"$max": [{"$add": ["$fence", 1]}, {"$toLong": "$$NOW"}]},
            "expires_at": self.later,
        }
        state = await self.states.find_one_and_update(mine, [{"$set": taken}], return_document=True)
        if state is None:
            await session.end_session()
            return None
        return Kept(self, rollup, session, owner, state["fence"])

    async def _end_transaction(self, state: State) -> None:
        # Of who was killed in the middle of one, or stands still there, it would stand in the way
        # for a minute.
        if "session" in state:
            with suppress(OperationFailure):
                await self.database.client.admin.command("killSessions", [state["session"]])

    async def note_check(self, rollup: Rollup, cells: str, differences: int) -> None:
        """Counts a comparison of cells with documents; cells that differ are not read any more."""
        await self.states.update_one(
            {"_id": rollup.name},
            {"$currentDate": {"verified_at": True}}
            | {"$inc": {"checks": 1, "differences": differences}},
        )
        if differences:
            wrong = {"_id": rollup.name, "cells": cells}
            await self.states.update_one(wrong, {"$unset": {"cells": ""}})

    @property
    def later(self) -> Expression:
        """When a lease ends that begins now."""
        return {"$add": ["$$NOW", 1000 * self.lease_seconds]}


class Kept:
    """A rollup that is ours for a while; whoever writes of it asks first whether it still is.

    After `async with` others can have it at once.
    """

    def __init__(
        self, store: Store, rollup: Rollup, session: AsyncClientSession, owner: str, fence: int
    ) -> None:
        self.store = store
        self.rollup = rollup
        self._session = session
        self._mine = {"_id": rollup.name, "owner": owner, "fence": fence}
        self._prefix = f"{_CELLS}.{rollup.name}."

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.end_session()
        # From now on the session may be used for something else: nobody is to kill it.
        with suppress(PyMongoError):
            ended = {"expires_at": "", "session": ""}
            await self.store.states.update_one(self._mine, {"$unset": ended})

    def cells(self, name: str) -> Cells:
        """A collection of cells."""
        return self.store.database[name]

    async def new_cells(self) -> Cells:
        """A collection for cells to be built, of which nobody knows yet; raises `Lost`."""
        state = await self.write({}, added={"builds": 1})
        name = f"{self._prefix}{state['fence']}.{state['builds']}"
        # The last ones may just be read: by who learned of them a moment ago.
        earlier = (await self._earlier(name))[:-1]
        await self._drop(set(earlier) - {state.get("cells")})
        return self.cells(name)

    async def index(self, cells: Cells) -> None:
        """Builds the indexes that cells are changed and read by."""
        await cells.create_indexes(
            [
                IndexModel(["level", "key"], unique=True),
                *(IndexModel(["level", path]) for path in sorted(self.rollup.searched)),
            ]
        )

    async def write(
        self,
        state: Mapping[str, Any],
        *,
        added: Mapping[str, int] | None = None,
        session: Any = None,
        **known: Any,
    ) -> State:
        """Changes its state, if it has the `known` values; renews it, gives it. Raises `Lost`.

        Numbers are `added` to what is there.
        """
        values = {name: {"$literal": value} for name, value in state.items()}
        sums = {
            name: {"$add": [{"$ifNull": [f"${name}", 0]}, number]}
            for name, number in (added or {}).items()
        }
        update = [{"$set": values | sums | {"expires_at": self.store.later}}]
        written = await self.store.states.find_one_and_update(
            self._mine | known, update, session=session, return_document=True
        )
        if written is None:
            raise Lost
        return written

    async def drop_before(self, cells: Cells) -> None:
        """Drops the cells of earlier builds; later ones may be those of who keeps it by now."""
        await self._drop(await self._earlier(cells.name))

    async def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            await self.cells(name).drop()

    async def _earlier(self, cells: str) -> list[str]:
        """The cells of earlier builds, in order."""
        names = await self.store.database.list_collection_names()
        builds = sorted((self._build(name), name) for name in names if self._build(name))
        return [name for build, name in builds if build < self._build(cells)]

    def _build(self, name: str) -> tuple[int, ...]:
        """Which build's cells a collection has, by fence and number; none if it has none of it."""
        number = name.removeprefix(self._prefix)
        is_one = number != name and _BUILD.fullmatch(number)
        return tuple(map(int, number.split("."))) if is_one else ()

    async def together(self, work: Callable[[AsyncClientSession], Awaitable[None]]) -> None:
        """Does what is written in one transaction."""
        await self._session.with_transaction(work)
