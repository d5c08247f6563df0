"""The loader of one request: queries that look at the same documents become one aggregation."""

import asyncio
from asyncio import Future, Task
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import reduce
from typing import Any, Final, TypeVar

from aiodataloader import DataLoader
from beanie import Document
from bson import Timestamp

from cubes.cells import CubeError
from cubes.cube import Cube, Slice
from cubes.registry import DEFAULT_CATALOG, Catalog
from errors import SnapshotUnavailable
from loaders.array_free import array_free_fields
from loaders.freshness import Freshness, FreshnessNotes, ReadAfter, time_of
from loaders.plan import Documents, Query, QueryPlan, live_plan, rollup_plan
from loaders.rollup_reader import RollupReader
from loaders.run import Runner
from loaders.shared_reads import SharedReads
from rollups.layout.read_plan import read_plan
from rollups.layout.rollup import Rollup
from rollups.layout.states import State, States, fresh_state, lag

_Answer = TypeVar("_Answer")

_READ_AFTER_SECONDS: Final = 2.0
_STATES_AGAIN_SECONDS: Final = 0.02


class Loader:
    """Loads queries for one request: merge → plan → run → note the freshness.

    Queries that are asked for in one turn of the event loop merge by `Query.batch`. Raises
    `ServiceUnavailable` if the database can't be reached or takes too long.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        *,
        timeout: float,
        shared: SharedReads | None = None,
        rollups: RollupReader | None = None,
        catalog: Catalog = DEFAULT_CATALOG,
    ) -> None:
        """For a request that arrives now and may take `timeout` seconds.

        `parameters` are values of cubes' parameters by name, `now` (the request's time) among
        them; `shared` are the reads in flight of all requests; without `rollups`, which have to be
        those of `catalog`, all is live.
        """
        self.after: ReadAfter | None = None
        """The time that answers have to reach; the loader waits up to 2 s for cells to reach it."""
        self.notes = FreshnessNotes()
        self._parameters = parameters
        self._runner = Runner(timeout, shared=shared)
        self._rollups = rollups
        self._catalog = catalog
        self._states: Task[tuple[timedelta, States]] | None = None
        self._chosen: dict[Rollup, Task[tuple[State | None, timedelta]]] = {}
        self._array_free: dict[type[Document], Task[frozenset[str]]] = {}
        self._sent: set[Task[Documents]] = set()
        self._answers: dict[Query[Any], Future[Any]] = {}
        self._loader: DataLoader[Query[Any], Task[Documents]] = DataLoader(self._load)

    def load(self, query: Query[_Answer]) -> Future[_Answer]:
        """The query's answer. Ask for all that is needed before awaiting any.

        Equal queries have the same answer object: what is computed of it once serves all aliases.
        """
        if query not in self._answers:
            answer = _answer(query, self._loader.load(query))
            self._answers[query] = asyncio.ensure_future(answer)
        return self._answers[query]

    def array_free(
        self, source: type[Document], probe: Mapping[str, Any]
    ) -> Future[frozenset[str]]:
        """The fields that hold an array in no document, as far as the indexes for `probe` tell."""
        if source not in self._array_free:
            self._array_free[source] = asyncio.create_task(self._explain(source, probe))
        return self._array_free[source]

    @property
    def count(self) -> int:
        """How many aggregations the queries so far were merged into."""
        return len(self._sent)

    async def freshness(self) -> Sequence[Freshness]:
        """The freshness that each cube would be read with now, by the cubes' names."""
        cubes = sorted(self._catalog, key=lambda cube: cube.name)
        return [await self._freshness(cube) for cube in cubes]

    def close(self) -> None:
        """Cancels the reads in flight."""
        states = (*self._chosen.values(), *filter(None, [self._states]))
        for task in (*self._sent, *self._array_free.values(), *states):
            task.cancel()

    async def _load(self, queries: list[Query[Any]]) -> "list[Task[Documents]]":
        batches: defaultdict[Hashable, list[Query[Any]]] = defaultdict(list)
        for query in queries:
            batches[query.batch].append(query)
        sent = dict[Query[Any], Task[Documents]]()
        for batch in batches.values():
            for part in await self._parts(batch):
                # A task each: a query is answered when its own part is, not when the slowest is.
                sent |= dict.fromkeys(part, asyncio.create_task(self._documents(merged(part))))
        self._sent.update(sent.values())
        return [sent[query] for query in queries]

    async def _parts(self, batch: list[Query[Any]]) -> Sequence[list[Query[Any]]]:
        """The batch; in parts if no level of the rollup has the cells of all, but several have."""
        slices = [query for query in batch if isinstance(query, Slice)]
        if self._rollups is None or not slices:
            return [batch]
        cube = self._catalog.bound(slices[0].cube)
        rollup = self._rollups.rollup_of(cube)
        dimensions = frozenset[str]().union(*(one.dimensions for one in slices))
        if rollup is None or rollup.levels_for(cube, dimensions):
            return [batch]
        state, _ = await self._chosen_state(rollup)
        if state is None:
            return [batch]
        parts = defaultdict[Hashable, list[Query[Any]]](list)
        for one in slices:
            parts[tuple(rollup.levels_for(cube, one.dimensions))].append(one)
        return [*parts.values()]

    async def _documents(self, query: Query[Any]) -> Documents:
        plan = await self._plan(query)
        try:
            age, documents = await self._run(plan)
        except SnapshotUnavailable:
            if plan.freshness is None:
                raise
            # An index of the collection was created a moment ago, for instance.
            plan = live_plan(self._bound(query))
            age, documents = await self._run(plan)
        if plan.cube is not None:
            self.notes.add(plan.freshness or self._live(plan.cube, age))
        return documents

    async def _plan(self, query: Query[Any]) -> QueryPlan:
        query = self._bound(query)
        if not isinstance(query, Slice):
            return live_plan(query)
        rollup = self._rollups.rollup_of(query.cube) if self._rollups else None
        reading = read_plan(query, rollup) if rollup else None
        if self._rollups is None or rollup is None or reading is None:
            return live_plan(query)
        state, age = await self._chosen_state(rollup)
        if state is None:
            return live_plan(query)
        return rollup_plan(query, reading, state, self._rollups.collection(state["cells"]), age)

    def _bound(self, one: Query[_Answer]) -> Query[_Answer]:
        """A slice of the catalog's cube, with the values of its parameters; other queries as is."""
        if not isinstance(one, Slice):
            return one
        bound = one.with_values(self._parameters).bound_to(self._catalog.bound(one.cube))
        if bound.missing:
            names = ", ".join(sorted(bound.missing))
            raise CubeError(f"A slice of cube {one.cube.name} needs a value for {names}.")
        return bound

    async def _run(self, plan: QueryPlan) -> tuple[timedelta, Documents]:
        """Returns (age of the oldest read when the request arrived, documents)."""
        cached = self._rollups.cells if self._rollups and plan.cells_key is not None else None
        if cached is not None and (cells := cached.get(plan.cells_key)) is not None:
            return timedelta(), cells
        if self.after is not None:
            # A time ahead of this server's clock is waited for.
            ahead = time_of(self.after) - self._parameters["now"]
            await asyncio.sleep(ahead.total_seconds() - self._elapsed())
        found = await asyncio.gather(
            *(self._runner.documents(read, self.after) for read in plan.reads)
        )
        documents = [document for _, documents in found for document in documents]
        if cached is not None:
            with suppress(ValueError):
                # More cells than the cache holds.
                cached[plan.cells_key] = documents
        return max(age for age, _ in found), documents

    def _chosen_state(self, rollup: Rollup) -> "Task[tuple[State | None, timedelta]]":
        """`_fresh_state`, the same for all reads of the request: they are of one moment."""
        if rollup not in self._chosen:
            self._chosen[rollup] = asyncio.create_task(self._fresh_state(rollup))
        return self._chosen[rollup]

    async def _fresh_state(self, rollup: Rollup) -> tuple[State | None, timedelta]:
        """The rollup's state if its cells can be read, and how old that state is.

        Waits for fresh cells that are not as new as `after`, up to 2 s.
        """
        while True:
            age, states = await (asked := self._asked_states())
            state = fresh_state(rollup, states, age)
            if state is None or self.after is None or _reaches(state, self.after):
                return state, age
            if self._elapsed() > _READ_AFTER_SECONDS:
                return None, age
            await asyncio.sleep(_STATES_AGAIN_SECONDS)
            if self._states is asked:
                self._states = None

    def _asked_states(self) -> "Task[tuple[timedelta, States]]":
        if self._states is None:
            self._states = asyncio.create_task(self._read_states())
        return self._states

    async def _read_states(self) -> tuple[timedelta, States]:
        rollups = self._rollups
        if rollups is None:
            return timedelta(), {}
        read, states = await self._runner.call("rollups", None, lambda _: rollups.states())
        return self._runner.age(read), states

    async def _freshness(self, cube: Cube) -> Freshness:
        rollup = self._rollups.rollup_of(cube) if self._rollups else None
        if rollup is not None:
            age, states = await self._asked_states()
            if (state := fresh_state(rollup, states, age)) is not None:
                return Freshness(cube.name, True, state["as_of"], lag(state, age))
        return self._live(cube.name)

    async def _explain(self, source: type[Document], probe: Mapping[str, Any]) -> frozenset[str]:
        return array_free_fields(await self._runner.explain(source.get_pymongo_collection(), probe))

    def _live(self, cube: str, age: timedelta = timedelta()) -> Freshness:
        return Freshness(cube, False, self._parameters["now"] - age, age)

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self._runner.arrived


def merged(queries: Iterable[Query[Any]]) -> Query[Any]:
    """The smallest query that answers all of one batch."""
    return reduce(lambda one, other: one.merge(other), queries)


def _reaches(state: State, after: ReadAfter) -> bool:
    """Whether cells are as new as a `readAfter`."""
    reached: bool = state["position" if isinstance(after, Timestamp) else "as_of"] >= after
    return reached


async def _answer(query: Query[_Answer], sent: "Future[Task[Documents]]") -> _Answer:
    return query.answer(await (await sent))
