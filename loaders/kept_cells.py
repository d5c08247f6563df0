"""Kept cells, as a process reads them: what is known of rollups, and which are fresh."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from cubes.cube import Slice, Stage
from cubes.rollup import ROLLUPS, STATES, level_of

FRESH: Final = timedelta(seconds=2)
"""How late kept cells may be."""


States = Mapping[str, Mapping[str, Any]]
"""What is known of rollups, by their names."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Cells that answer a slice, by a pipeline; what they are as of, and how late that is."""

    cells: AsyncCollection[dict[str, Any]]
    pipeline: list[Stage]
    as_of: datetime
    lag: timedelta


class KeptCells:
    """The kept cells of a database."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database

    async def states(self, _: float) -> States:
        """What is known of each rollup, by name; `lag` in milliseconds by the server's clock."""
        found = await self._database[STATES].aggregate(
            [
                {"$match": {"_id": {"$in": [rollup.name for rollup in ROLLUPS]}}},
                {"$set": {"lag": {"$subtract": ["$$NOW", "$as_of"]}}},
            ]
        )
        return {state["_id"]: state async for state in found}

    def fresh(self, one: Slice, states: States) -> Kept | None:
        """The cells that answer a slice, unless there are none, or they are late."""
        found = level_of(one)
        if found is None:
            return None
        rollup, level = found
        state = states.get(rollup.name, {})
        if not state.get("cells") or state["declaration"] != rollup.declaration:
            return None
        lag = timedelta(milliseconds=state["lag"])
        if lag > FRESH:
            return None
        return Kept(self._database[state["cells"]], level.read(one), state["as_of"], lag)
