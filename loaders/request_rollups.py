"""Rollups as one request reads them: cells as of one state, or a live count in their place."""

import asyncio
from asyncio import Future, Task
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from typing import Final, TypeAlias, TypeVar

from beanie import Document
from bson import Timestamp

from cancelling import cancel
from cubes.cube import Cube, Slice
from loaders.freshness import Freshness, ReadAfter
from loaders.outages import WAIT_SECONDS, Fallback
from loaders.plan import Documents, QueryPlan, Read, rollup_plan
from loaders.rollup_reader import RollupReader
from loaders.run import Runner
from loaders.shared_reads import UNBOUNDED
from loaders.version import Version
from rollups.layout.level import Level
from rollups.layout.read_plan import read_plan
from rollups.layout.rollup import Rollup
from rollups.layout.states import State, States, fresh_state, lag

Counted: TypeAlias = tuple[timedelta, Documents]
"""(age of the documents when the request arrived, the documents)."""

CountLive: TypeAlias = Callable[[AbstractAsyncContextManager[None]], Awaitable[Counted]]
"""Counts the documents of a query, when it has one of the slots."""

_T = TypeVar("_T")

_READ_AFTER_SECONDS: Final = 2.0
_STATES_AGAIN_SECONDS: Final = 0.02


class RequestRollups:
    """The rollups of one request, which all of its reads see in the same state."""

    def __init__(self, reader: RollupReader, runner: Runner) -> None:
        self._reader = reader
        self._runner = runner
        self._states: Future[tuple[timedelta, States]] | None = None
        self._chosen: dict[Rollup, Future[tuple[State | None, timedelta]]] = {}

    async def position(self, cube: Cube) -> Timestamp | None:
        """The resume position of the cells that a cube is read from; None if it is counted live."""
        rollup = self._reader.rollup_of(cube)
        if rollup is None or self._reader.outages.blocked(rollup.name):
            return None
        state, _ = await self._choose(rollup, None)
        return None if state is None else state["position"]

    async def parts(
        self, cube: Cube, slices: Sequence[Slice], after: ReadAfter | None
    ) -> Sequence[Sequence[Slice]]:
        """The slices of a cube; apart by level if no level has the cells of all.

        They stay together if they are counted live.
        """
        rollup = self._reader.rollup_of(cube)
        dimensions = frozenset[str]().union(*(one.dimensions for one in slices))
        if rollup is None or rollup.levels_for(cube, dimensions):
            return [slices]
        state, _ = await self._choose(rollup, after)
        if state is None:
            return [slices]
        parts = defaultdict[Sequence[Level], list[Slice]](list)
        for one in slices:
            parts[tuple(rollup.levels_for(cube, one.dimensions))].append(one)
        return [*parts.values()]

    async def freshness(self, cube: Cube) -> Freshness | None:
        """The freshness that a cube would be read with; None if it would be counted live."""
        rollup = self._reader.rollup_of(cube)
        if rollup is None:
            return None
        age, states = await self._asked_states()
        state = fresh_state(rollup, states, age)
        if state is None or self._reader.outages.blocked(rollup.name):
            return None
        return Freshness(cube.name, True, state["as_of"], lag(state, age))

    async def read(
        self, one: Slice, after: ReadAfter | None, count_live: CountLive
    ) -> tuple[QueryPlan | None, timedelta, Documents]:
        """(the plan, None if counted live; the age of the documents; the documents).

        Never fails if a live count would not. If cells take more than 250 ms, a live count begins,
        and the answer is whichever ends first.
        """
        rollup, outages = self._reader.rollup_of(one.cube), self._reader.outages
        if rollup is None or read_plan(one, rollup) is None:
            return None, *await count_live(UNBOUNDED)
        state, age = await self._choose(rollup, after)
        slots = self._reader.live_counts if self._reader.had_cells(rollup) else UNBOUNDED
        if state is None or outages.blocked(rollup.name):
            absent = Fallback.STALE if self._reader.had_cells(rollup) else Fallback.MISSING
            outages.count(self._reader.outage(rollup) or absent)
            return None, *await count_live(slots)
        reading = read_plan(one, rollup, state.get("statistics", ()))
        if reading is None:
            return None, *await count_live(UNBOUNDED)
        plan = rollup_plan(one, reading, state, self._reader.collection(state["cells"]), age)
        cached = self._reader.cells
        if plan.cells_key is not None and (cells := cached.get(plan.cells_key)) is not None:
            self._reader.reads.update(level.name for level in reading.levels)
            return plan, timedelta(), cells
        found = await self._read_or_count(rollup, plan, after, lambda: count_live(slots))
        if found[0] is None:
            return found
        self._reader.reads.update(level.name for level in reading.levels)
        if plan.cells_key is not None:
            with suppress(ValueError):
                # More cells than the cache holds.
                cached[plan.cells_key] = found[2]
        return found

    async def version(self, source: type[Document]) -> Version | None:
        """The version that a collection has at least, if it is read from now on.

        None if its rollup has no fresh cells, or if it has no rollup.
        """
        collection = source.get_pymongo_collection().full_name
        if self._reader.rollup(collection) is None:
            return None
        age, states = await self._asked_states()
        return self._version(collection, states, age)

    async def unchanged(self, versions: Collection[Version]) -> bool:
        """Whether collections have the same versions now, as fresh cells tell."""
        age, states = await self._asked_states()
        return all(self._version(each.collection, states, age) == each for each in versions)

    def _version(self, collection: str, states: States, age: timedelta) -> Version | None:
        rollup = self._reader.rollup(collection)
        if rollup is None or self._reader.outages.blocked(collection):
            return None
        state = fresh_state(rollup, states, age)
        return None if state is None else Version.of(rollup, state)

    def close(self) -> None:
        """Cancels the reads of states in flight."""
        for future in (self._states, *self._chosen.values()):
            if future is not None:
                future.cancel()

    async def _read_or_count(
        self,
        rollup: Rollup,
        plan: QueryPlan,
        after: ReadAfter | None,
        count_live: Callable[[], Awaitable[Counted]],
    ) -> tuple[QueryPlan | None, timedelta, Documents]:
        outages = self._reader.outages

        def read(one: Read) -> "Task[Counted]":
            return asyncio.create_task(self._runner.documents(one, after))

        async def count() -> Counted:
            return await count_live()

        reads = [*map(read, plan.reads)]
        whole = asyncio.create_task(_put_together(*reads))
        # Edges alone are a live count already.
        cells = reads[0] if plan.freshness and plan.freshness.from_rollup else None
        counting: Task[Counted] | None = None
        try:
            await asyncio.wait(
                [cells or whole, whole],
                timeout=WAIT_SECONDS if cells else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if cells and not cells.done() and not whole.done():
                counting = asyncio.create_task(count())
                await asyncio.wait([whole, counting], return_when=asyncio.FIRST_COMPLETED)
            try:
                if counting is not None and not whole.done() and counting.exception() is None:
                    raise TimeoutError("reading the cells took longer than counting the documents")
                found = plan, *await whole
            except Exception as error:
                outages.failed(rollup.name, error)
                outages.count(Fallback.of(error))
                return None, *await (counting or count())
            outages.succeeded(rollup.name)
            return found
        finally:
            await cancel(*filter(None, [whole, counting]), *reads)

    def _choose(
        self, rollup: Rollup, after: ReadAfter | None
    ) -> "Future[tuple[State | None, timedelta]]":
        """`_fresh_state`, the same for all reads of the request: they are of one cluster time."""
        if rollup not in self._chosen:
            states = self._asked_states()
            if (
                after is None
                and states.done()
                and not states.cancelled()
                and not states.exception()
            ):
                age, found = states.result()
                self._chosen[rollup] = _done((fresh_state(rollup, found, age), age))
            else:
                self._chosen[rollup] = asyncio.create_task(self._fresh_state(rollup, after))
        return self._chosen[rollup]

    async def _fresh_state(
        self, rollup: Rollup, after: ReadAfter | None
    ) -> tuple[State | None, timedelta]:
        """The rollup's state if its cells can be read, and how old that state is.

        Waits for fresh cells that are not as new as `after`, up to 2 s.
        """
        while True:
            age, states = await (asked := self._asked_states())
            state = fresh_state(rollup, states, age)
            if state is None or after is None or _reaches(state, after):
                return state, age
            if self._runner.elapsed > _READ_AFTER_SECONDS:
                return None, age
            await asyncio.sleep(_STATES_AGAIN_SECONDS)
            if self._states is asked:
                self._states = None

    def _asked_states(self) -> "Future[tuple[timedelta, States]]":
        if self._states is None:
            # Without a task if nothing has to be waited for, as in most requests under load.
            if (cached := self._reader.cached_states) is not None:
                read, states = cached
                self._states = _done((self._runner.age(read), states))
            else:
                self._states = asyncio.create_task(self._read_states())
        return self._states

    async def _read_states(self) -> tuple[timedelta, States]:
        read, states = await self._runner.call("rollups", None, lambda _: self._reader.states())
        return self._runner.age(read), states


def _done(result: _T) -> "Future[_T]":
    """A future that has its result already."""
    future: Future[_T] = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future


def _reaches(state: State, after: ReadAfter) -> bool:
    """Whether cells are as new as a `readAfter`."""
    reached: bool = state["position" if isinstance(after, Timestamp) else "as_of"] >= after
    return reached


async def _put_together(*reads: "Task[Counted]") -> Counted:
    """(age of the oldest read, the documents of all)."""
    found = await asyncio.gather(*reads)
    return max(age for age, _ in found), [each for _, documents in found for each in documents]
