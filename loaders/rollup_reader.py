"""The rollups of a database, as the requests of one process read them."""

import asyncio
from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import inf
from typing import Any, Final

import structlog
from cachetools import LRUCache
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect, OperationFailure

from cubes.cube import Cube
from documents.reads import SNAPSHOT_UNAVAILABLE
from errors import first_words
from rollups.layout.rollup import DEFAULT_ROLLUPS, STATES, Rollup
from rollups.layout.states import States

_STATES_SECONDS: Final = 0.05
_UNAUTHORIZED: Final = 13
_NOT_A_REPLICA_SET: Final = 123
_REFUSALS: Final = frozenset({_UNAUTHORIZED, _NOT_A_REPLICA_SET, SNAPSHOT_UNAVAILABLE})
# Of some 500 bytes each.
_CACHED_CELLS: Final = 50_000
_CELLS_OF_KEY: Final = 100

_log = structlog.get_logger(__name__)


class RollupReader:
    """Reads the states of rollups, and caches the cells of rollups that have not changed.

    `cells` maps (version of the cells, slice) to the cells' documents, 50,000 at most.
    """

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], rollups: Iterable[Rollup] = DEFAULT_ROLLUPS
    ) -> None:
        self.cells: LRUCache[Hashable, Sequence[Mapping[str, Any]]] = LRUCache(
            _CACHED_CELLS, getsizeof=_size
        )
        self._database = database
        self._by_cube = {cube: rollup for rollup in rollups for cube in rollup.cubes}
        self._refused = False
        self._asked_at = -inf
        self._states: States = {}

    def rollup_of(self, cube: Cube) -> Rollup | None:
        """The rollup that has the cube's cells; None if none can have them."""
        return self._by_cube.get(cube)

    def collection(self, name: str) -> AsyncCollection[dict[str, Any]]:
        """A collection of cells."""
        return self._database[name]

    async def states(self) -> tuple[float, States]:
        """(the loop's time of the read, the states of all rollups); cached for 50 ms."""
        now = asyncio.get_running_loop().time()
        if now - self._asked_at > _STATES_SECONDS:
            self._states, self._asked_at = await self._read_states(), now
        return self._asked_at, self._states

    async def _read_states(self) -> States:
        try:
            found = (await self._aggregate_states())["cursor"]
        except OperationFailure as error:
            if error.code not in _REFUSALS:
                raise
            if not self._refused:
                reason = first_words(error)
                _log.warning("rollups can't be read", database=self._database.name, reason=reason)
            self._refused = True
            return {}
        # Absent if there is no collection of states yet.
        snapshot = found.get("atClusterTime")
        return {state["rollup"]: {**state, "snapshot": snapshot} for state in found["firstBatch"]}

    async def _aggregate_states(self) -> Mapping[str, Any]:
        """The response with the states; as a command, because the driver's cursor hides its time.

        The driver retries no commands, so this does, once.
        """
        ids = [rollup.state_id for rollup in {*self._by_cube.values()}]
        pipeline = [
            {"$match": {"_id": {"$in": ids}}},
            {"$set": {"lag": {"$subtract": ["$$NOW", "$as_of"]}}},
        ]

        async def aggregate() -> Mapping[str, Any]:
            return await self._database.command(
                "aggregate",
                STATES,
                pipeline=pipeline,
                cursor={},
                readConcern={"level": "snapshot"},
                read_preference=self._database.read_preference,
                codec_options=self._database.codec_options,
            )

        try:
            return await aggregate()
        except AutoReconnect:
            return await aggregate()


def _size(cells: Sequence[Mapping[str, Any]]) -> int:
    return _CELLS_OF_KEY + len(cells)
