"""The loader of one request: queries that look at the same documents become one aggregation."""

import asyncio
from asyncio import Future, Task
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from functools import partial, reduce
from typing import Any, Final, TypeVar

from aiodataloader import DataLoader
from beanie import Document

from cubes.cells import CubeError
from cubes.cube import Cube, Slice
from cubes.declaration import Stage
from cubes.registry import DEFAULT_CATALOG, Catalog
from loaders.array_free import array_free_fields
from loaders.computing import computed
from loaders.freshness import Freshness, FreshnessNotes, ReadAfter, time_of
from loaders.plan import Documents, Query, QueryPlan, Read, live_plan
from loaders.replication import Replication
from loaders.request_rollups import Counted, RequestRollups
from loaders.rollup_reader import RollupReader
from loaders.run import Runner
from loaders.shared_reads import UNBOUNDED, SharedReads
from loaders.version import Version

_Answer = TypeVar("_Answer")

_ONE: Final[list[Stage]] = [{"$limit": 1}, {"$project": {"_id": 1}}]


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
        replication: Replication | None = None,
        rollups: RollupReader | None = None,
        catalog: Catalog = DEFAULT_CATALOG,
    ) -> None:
        """For a request that arrives now and may take `timeout` seconds.

        `parameters` are values of cubes' parameters by name, `now` (the request's time) among
        them; `shared` are the reads in flight of all requests; `replication` tells the age of what
        secondaries have, without it they count as up to date; without `rollups`, which have to be
        those of `catalog`, all is live.
        """
        self.after: ReadAfter | None = None
        """The time that answers have to reach; the loader waits up to 2 s for cells to reach it."""
        self.notes = FreshnessNotes()
        self.versions: set[Version] | None = None
        """The versions of the collections that were read, once `track_versions` was called.

        None if an answer depends on anything else, as on the request's time.
        """
        self._parameters = parameters
        self._runner = Runner(timeout, shared=shared, replication=replication)
        self._rollups = RequestRollups(rollups, self._runner) if rollups else None
        self._catalog = catalog
        self._array_free: dict[type[Document], Task[frozenset[str]]] = {}
        self._sent: set[Task[Documents]] = set()
        self._answers: dict[Query[Any], Future[Any]] = {}
        self._loader: DataLoader[Query[Any], Task[Documents]] | None = DataLoader(self._load)

    def load(self, query: Query[_Answer]) -> Future[_Answer]:
        """The query's answer. Ask for all that is needed before awaiting any.

        Equal queries have the same answer object: what is computed of it once serves all aliases.
        """
        if self._loader is None:
            raise RuntimeError("The request has ended: its loader is closed.")
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
        """The freshness that each cube would be read with now, by the cubes' names.

        Raises `ServiceUnavailable` if the documents can't be read.
        """
        cubes = sorted(self._catalog, key=lambda cube: cube.name)
        source = cubes[0].source.get_pymongo_collection()
        age, _ = await self._runner.documents(Read(source, _ONE, "freshness"), self.after)
        live = self._live("", age)
        return [await self._freshness(cube, live) for cube in cubes]

    def track_versions(self) -> None:
        """Has `versions` tell what all answers from now on are made of."""
        self.versions = set()

    async def unchanged(self, versions: Collection[Version]) -> bool:
        """Whether answers that were made of these versions are those of now."""
        return self._rollups is not None and await self._rollups.unchanged(versions)

    def close(self) -> None:
        """Cancels the reads in flight. Nothing can be loaded any more."""
        for task in (*self._sent, *self._array_free.values()):
            task.cancel()
        if self._rollups is not None:
            self._rollups.close()
        # It refers to this loader. Without the cycle, a request's cells are freed at once, not by a
        # scan of all objects.
        self._loader = None

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

    async def _parts(self, batch: list[Query[Any]]) -> Sequence[Sequence[Query[Any]]]:
        """The batch; in parts if several levels of a rollup have its cells, but none has all."""
        slices = [query for query in batch if isinstance(query, Slice)]
        if self._rollups is None or not slices:
            return [batch]
        cube = self._catalog.bound(slices[0].cube)
        return await self._rollups.parts(cube, slices, self.after)

    async def _documents(self, query: Query[Any]) -> Documents:
        query = self._bound(query)
        live, rollups, plan = live_plan(query), self._rollups, None
        if self.versions is not None:
            live = live.of_version(await self._version(query))
        count_live = partial(self._count, live)
        if rollups and isinstance(query, Slice):
            plan, age, documents = await rollups.read(query, self.after, count_live)
        else:
            age, documents = await count_live(UNBOUNDED)
        if live.cube is not None:
            self.notes.add((plan and plan.freshness) or self._live(live.cube, age))
        return documents

    async def _version(self, query: Query[Any]) -> Version | None:
        """The version of what a query reads; adds it to `versions`."""
        timeless = not isinstance(query, Slice) or not (query.window or query.values)
        version = None
        # A secondary may lack changes that the version has.
        if self._rollups and timeless and not self._runner.reads_secondaries:
            version = await self._rollups.version(query.source)
        if version is None:
            self.versions = None
        elif self.versions is not None:
            self.versions.add(version)
        return version

    def _bound(self, one: Query[_Answer]) -> Query[_Answer]:
        """A slice of the catalog's cube, with the values of its parameters; other queries as is."""
        if not isinstance(one, Slice):
            return one
        bound = one.with_values(self._parameters).bound_to(self._catalog.bound(one.cube))
        if bound.missing:
            names = ", ".join(sorted(bound.missing))
            raise CubeError(f"A slice of cube {one.cube.name} needs a value for {names}.")
        return bound

    async def _count(self, live: QueryPlan, slots: AbstractAsyncContextManager[None]) -> Counted:
        if self.after is not None:
            # A time ahead of this server's clock is waited for.
            ahead = time_of(self.after) - self._parameters["now"]
            await asyncio.sleep(ahead.total_seconds() - self._runner.elapsed)
        (read,) = live.reads
        return await self._runner.documents(read, self.after, slots)

    async def _freshness(self, cube: Cube, live: Freshness) -> Freshness:
        found = await self._rollups.freshness(cube) if self._rollups else None
        return found or replace(live, cube=cube.name)

    async def _explain(self, source: type[Document], probe: Mapping[str, Any]) -> frozenset[str]:
        return array_free_fields(await self._runner.explain(source.get_pymongo_collection(), probe))

    def _live(self, cube: str, age: timedelta = timedelta()) -> Freshness:
        return Freshness(cube, False, self._parameters["now"] - age, age)


def merged(queries: Iterable[Query[Any]]) -> Query[Any]:
    """The smallest query that answers all of one batch."""
    return reduce(lambda one, other: one.merge(other), queries)


async def _answer(query: Query[_Answer], sent: "Future[Task[Documents]]") -> _Answer:
    documents = await (await sent)
    return await computed(len(documents), partial(query.answer, documents))
