"""Kept cells, as a process reads them: what is known of rollups, and which are fresh."""

import asyncio
from collections.abc import Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any, Final

import structlog
from bson import Timestamp
from cachetools import LRUCache
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from cubes.cube import Cube, Slice, Stage
from rollups.layout.read_plan import ROLLUP_OF, reading_of
from rollups.layout.rollup import ROLLUPS, STATES, Rollup

FRESH: Final = timedelta(seconds=2)
"""How late kept cells may be."""

_ASK_SECONDS: Final = 0.05
_NOT_ALLOWED: Final = 13
# Of some 500 bytes each.
_KNOWN_CELLS: Final = 50_000
_KEY_CELLS: Final = 100

_log = structlog.get_logger(__name__)

Documents = Sequence[Mapping[str, Any]]
States = Mapping[str, Mapping[str, Any]]
"""What is known of rollups, by their names."""
ReadAfter = Timestamp | datetime
"""What an answer is to be as new as: a cluster time, or a moment of the database's clock."""


def moment_of(after: ReadAfter) -> datetime:
    """When that is: of a cluster time the second."""
    return after.as_datetime() if isinstance(after, Timestamp) else after


@dataclass(frozen=True, slots=True)
class Freshness:
    """Where a cube was read from, what that is as of, and how late."""

    cube: str
    kept: bool
    as_of: datetime
    lag: timedelta


@dataclass(frozen=True, slots=True)
class Kept:
    """Cells that answer a slice by a pipeline, and slices to be counted besides.

    `known` are cells that were read before, by version and slice: while nothing changes, they need
    not be read again.
    """

    cells: AsyncCollection[dict[str, Any]]
    pipeline: list[Stage]
    edges: Sequence[Slice]
    version: Hashable
    position: Timestamp
    freshness: Freshness
    known: MutableMapping[Hashable, Documents]

    def reaches(self, after: ReadAfter) -> bool:
        """Whether they are as new."""
        return (self.position if isinstance(after, Timestamp) else self.freshness.as_of) >= after


class KeptCells:
    """The kept cells of a database."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._known: LRUCache[Hashable, Documents] = LRUCache(_KNOWN_CELLS, getsizeof=_size)
        self._database = database
        self._refused = False
        self._asked = -inf
        self._found: States = {}

    async def states(self) -> tuple[float, States]:
        """When it was asked, by the loop's clock, and what is known of each rollup, by name.

        `lag` is in milliseconds by MongoDB's clock. Who asks often is told what was found a moment
        ago: that is the age of all that is read by it.
        """
        now = asyncio.get_running_loop().time()
        if now - self._asked > _ASK_SECONDS:
            self._found, self._asked = await self._states(), now
        return self._asked, self._found

    async def _states(self) -> States:
        try:
            found = await self._database[STATES].aggregate(
                [
                    {"$match": {"_id": {"$in": [rollup.name for rollup in ROLLUPS]}}},
                    {"$set": {"lag": {"$subtract": ["$$NOW", "$as_of"]}}},
                ]
            )
            return {state["_id"]: state async for state in found}
        except OperationFailure as error:
            if error.code != _NOT_ALLOWED:
                raise
            if not self._refused:
                _log.warning("kept cells can't be read", database=self._database.name)
            self._refused = True
            return {}

    def fresh(self, one: Slice, states: States, age: timedelta) -> Kept | None:
        """The cells that answer a slice; None where there are none, or they are late.

        The states are so old.
        """
        reading = reading_of(one)
        state = None if reading is None else _fresh(reading.rollup, states, age)
        if reading is None or state is None:
            return None
        return Kept(
            self._database[state["cells"]],
            reading.pipeline,
            reading.edges,
            (state["cells"], state["version"]),
            state["position"],
            _freshness(one.cube, state, age),
            self._known,
        )

    def freshness(self, cube: Cube, states: States, age: timedelta) -> Freshness | None:
        """That of a cube whose cells are fresh."""
        state = _fresh(ROLLUP_OF[cube], states, age) if cube in ROLLUP_OF else None
        return None if state is None else _freshness(cube, state, age)


def _size(documents: Documents) -> int:
    # With what they are found by.
    return _KEY_CELLS + len(documents)


def _fresh(rollup: Rollup, states: States, age: timedelta) -> Mapping[str, Any] | None:
    state = states.get(rollup.name, {})
    if not state.get("cells") or state["declaration"] != rollup.declaration:
        return None
    return state if _lag(state, age) <= FRESH else None


def _freshness(cube: Cube, state: Mapping[str, Any], age: timedelta) -> Freshness:
    return Freshness(cube.name, True, state["as_of"], _lag(state, age))


def _lag(state: Mapping[str, Any], age: timedelta) -> timedelta:
    return max(timedelta(), timedelta(milliseconds=state["lag"])) + age
