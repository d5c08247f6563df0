"""Kept cells as one request reads them: the states are asked for once, late cells waited for."""

import asyncio
from asyncio import Task
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final

from cubes.cube import Cube, Slice
from loaders.rollup_states import Freshness, Kept, KeptCells, ReadAfter, States

_WAIT_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.02

Ask = Callable[[], Coroutine[Any, Any, tuple[timedelta, States]]]
"""Asks for the states; they come with how long before the request they were."""


class CellReads:
    """The kept cells of one request, which arrives now."""

    def __init__(self, kept: KeptCells, ask: Ask) -> None:
        self._kept = kept
        self._ask = ask
        self._asked: Task[tuple[timedelta, States]] | None = None
        self._until = asyncio.get_running_loop().time() + _WAIT_SECONDS

    async def fresh(self, one: Slice, after: ReadAfter | None) -> Kept | None:
        """The cells that answer a slice, and are as new as `after`; None where none are fresh.

        Such as are fresh, but not as new, are waited for.
        """
        while True:
            age, states = await (asked := self._states())
            kept = self._kept.fresh(one, states, age)
            if kept is None or after is None or kept.reaches(after):
                return kept
            if asyncio.get_running_loop().time() > self._until:
                return None
            await asyncio.sleep(_LOOK_SECONDS)
            if self._asked is asked:
                self._asked = None

    async def freshness(self, cube: Cube) -> Freshness | None:
        """That of a cube, unless its cells are not fresh."""
        age, states = await self._states()
        return self._kept.freshness(cube, states, age)

    def close(self) -> None:
        """Ends what is still being asked."""
        if self._asked is not None:
            self._asked.cancel()

    def _states(self) -> "Task[tuple[timedelta, States]]":
        if self._asked is None:
            self._asked = asyncio.create_task(self._ask())
        return self._asked
