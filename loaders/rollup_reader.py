"""The rollups of a database, as the requests of one process read them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from math import inf
from typing import Any, Final

from cachetools import LRUCache
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect

from cubes.cube import Cube
from loaders.outages import WAIT_SECONDS, Fallback, Outages
from rollups.layout.rollup import DEFAULT_ROLLUPS, STATES, Rollup
from rollups.layout.states import State, States, malformed

_STATES_SECONDS: Final = 0.05
# With another type, `$subtract` would fail for the states of all rollups.
_HAS_DATE: Final = {"$eq": [{"$type": "$as_of"}, "date"]}
# Of some 500 bytes each.
_CACHED_CELLS: Final = 50_000
_CELLS_OF_KEY: Final = 100
_LIVE_COUNTS: Final = 4
"""How many live counts that replace reads of cells run at once.

Each takes one core of MongoDB and much of its cache; cells need next to nothing. Without a limit,
an outage of rollups under load would become one of the database.
"""


class RollupReader:
    """Reads the states of rollups, and caches the cells of rollups that have not changed.

    `cells` maps (version of the cells, slice) to the cells' documents, 50,000 at most. `outages`
    are of `headcount_rollups`, under this name, and of single rollups. `live_counts` are the slots
    of live counts that replace reads of cells. `reads` maps a level's name to how often its cells
    were read.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        rollups: Iterable[Rollup] = DEFAULT_ROLLUPS,
        *,
        count: Callable[[Fallback], None] = lambda _: None,
    ) -> None:
        """`count` gets the reason of each read of cells that is replaced by a live count."""
        self.cells: LRUCache[Hashable, Sequence[Mapping[str, Any]]] = LRUCache(
            _CACHED_CELLS, getsizeof=_size
        )
        self.outages = Outages(count)
        self.reads = Counter[str]()
        self.live_counts = asyncio.Semaphore(_LIVE_COUNTS)
        self._database = database
        self._by_cube = {cube: rollup for rollup in rollups for cube in rollup.cubes}
        self._by_name = {rollup.name: rollup for rollup in self._by_cube.values()}
        self._by_state_id = {rollup.state_id: rollup for rollup in self._by_cube.values()}
        self._with_cells = set[str]()
        self._asked_at = -inf
        self._states: States = {}

    def rollup(self, name: str) -> Rollup | None:
        """The rollup of a collection, by its full name; None if it has none."""
        return self._by_name.get(name)

    def rollup_of(self, cube: Cube) -> Rollup | None:
        """The rollup that has the cube's cells; None if none can have them."""
        return self._by_cube.get(cube)

    def collection(self, name: str) -> AsyncCollection[dict[str, Any]]:
        """A collection of cells."""
        return self._database[name]

    def had_cells(self, rollup: Rollup) -> bool:
        """Whether this process ever saw cells of a rollup: live counts then replace reads."""
        return rollup.name in self._with_cells

    def outage(self, rollup: Rollup) -> Fallback | None:
        """Why the rollup can't be read; None if it can, as far as this process knows."""
        return self.outages.reason(STATES) or self.outages.reason(rollup.name)

    async def states(self) -> tuple[float, States]:
        """(the loop's time of the read, the states of all rollups); cached for 50 ms.

        Takes at most 250 ms. There are no states while they can't be read, and none for 5 s after.
        """
        now = asyncio.get_running_loop().time()
        if self.outages.blocked(STATES):
            return now, {}
        if self.cached_states is None:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    found = await self._read_states()
            except Exception as error:
                # No error of rollups fails a request: its documents are counted instead.
                self.outages.failed(STATES, error)
                return now, {}
            self.outages.succeeded(STATES)
            self._states, self._asked_at = self._readable(found), now
        return self._asked_at, self._states

    @property
    def cached_states(self) -> tuple[float, States] | None:
        """What `states` returns, if it has read them within 50 ms; else None."""
        age = asyncio.get_running_loop().time() - self._asked_at
        if age > _STATES_SECONDS or self.outages.blocked(STATES):
            return None
        return self._asked_at, self._states

    def _readable(self, found: Iterable[State]) -> States:
        states = dict[str, State]()
        for state in found:
            name = self._by_state_id[state["_id"]].name
            if (field := malformed(state)) is not None:
                text = f"field {field!r} of the state document is {state.get(field)!r}"
                self.outages.failed(name, TypeError(text))
                continue
            if state.get("cells"):
                self._with_cells.add(name)
            states[name] = state
        return states

    async def _read_states(self) -> Iterable[State]:
        """The state documents; as a command, because the driver's cursor hides its time.

        The driver retries no commands, so this does, once.
        """
        pipeline = [
            {"$match": {"_id": {"$in": [*self._by_state_id]}}},
            {"$set": {"lag": {"$cond": [_HAS_DATE, {"$subtract": ["$$NOW", "$as_of"]}, None]}}},
        ]

        async def aggregate() -> Mapping[str, Any]:
            return await self._database.command(
                "aggregate",
                STATES,
                pipeline=pipeline,
                cursor={},
                readConcern={"level": "snapshot"},
                maxTimeMS=round(1000 * WAIT_SECONDS),
                read_preference=self._database.read_preference,
                codec_options=self._database.codec_options,
            )

        try:
            found = (await aggregate())["cursor"]
        except AutoReconnect:
            found = (await aggregate())["cursor"]
        # Absent if there is no collection of states yet.
        snapshot = found.get("atClusterTime")
        return [{**state, "snapshot": snapshot} for state in found["firstBatch"]]


def _size(cells: Sequence[Mapping[str, Any]]) -> int:
    return _CELLS_OF_KEY + len(cells)
