"""The one loader of a request: queries that look at the same documents become one aggregation."""

import asyncio
from asyncio import Future, Task
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial, reduce
from typing import Any, Protocol, Self, TypeVar

import structlog
from aiodataloader import DataLoader
from beanie import Document
from pymongo import ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.errors import ConnectionFailure, ExecutionTimeout

from cubes.cube import Cube, Slice, Stage
from cubes.registry import CUBES
from documents.reads import BY_CODE_POINT
from errors import ServiceUnavailable, first_words
from loaders.array_free import plain_fields
from loaders.cell_reads import CellReads
from loaders.rollup_states import Freshness, Kept, KeptCells, ReadAfter, States, moment_of
from loaders.shared_reads import SharedReads

_Answer = TypeVar("_Answer", covariant=True)
_Read = TypeVar("_Read")

Collection = AsyncCollection[dict[str, Any]]
_Documents = Sequence[Mapping[str, Any]]

_log = structlog.get_logger(__name__)

# One reply, as far as its 16 MB go: the default of 101 documents would cost a second round trip.
_BATCH_SIZE = 1_000_000
# Seconds.
_GRACE = 0.5


class Query(Hashable, Protocol[_Answer]):
    """What can be loaded: a `Slice` of a cube, a `Page` or a `Lookup` of a table."""

    @property
    def source(self) -> type[Document]: ...
    @property
    def batch(self) -> Hashable: ...
    def merge(self, other: Self) -> Self: ...
    def pipeline(self) -> list[Stage]: ...
    def answer(self, documents: _Documents) -> _Answer: ...


class Aggregations:
    """Loads queries for one request; belongs to one event loop.

    What is asked for before the loop comes round is merged by `Query.batch`. Raises
    `ServiceUnavailable` where the database can't be reached or takes too long.
    """

    def __init__(
        self,
        variables: Mapping[str, Any],
        *,
        timeout: float,
        shared: SharedReads | None = None,
        kept: KeptCells | None = None,
    ) -> None:
        """For a request that arrives now, and may take `timeout` seconds.

        `variables` are what expressions may use as `$$name`; `shared` are all requests' reads;
        `kept` are cells that are read instead of documents while they are fresh.
        """
        self.after: ReadAfter | None = None
        """What answers are to be as new as: cells that are not are waited for, a while."""
        self.used: dict[str, Freshness] = {}
        """Of each cube that was read until now, where from and how fresh that is."""
        self._variables = dict(variables)
        self._arrived = asyncio.get_running_loop().time()
        self._deadline = self._arrived + timeout
        self._shared = shared or SharedReads(0)
        self._cells = CellReads(kept, partial(self._states, kept)) if kept else None
        self._plain: dict[type[Document], Task[frozenset[str]]] = {}
        self._sent: set[Task[_Documents]] = set()
        self._loader: DataLoader[Query[Any], Task[_Documents]] = DataLoader(self._load)

    def load(self, query: Query[_Answer]) -> Future[_Answer]:
        """The query's answer. Ask for all that is needed before awaiting any."""
        return asyncio.ensure_future(_answer(query, self._loader.load(query)))

    def plain(self, source: type[Document], probe: Mapping[str, Any]) -> Future[frozenset[str]]:
        """The fields that hold an array in no document, as far as an index for `probe` knows it."""
        if source not in self._plain:
            self._plain[source] = asyncio.create_task(self._explain(source, probe))
        return self._plain[source]

    @property
    def count(self) -> int:
        """How many aggregations what was asked for until now was merged into."""
        return len(self._sent)

    async def freshness(self) -> Sequence[Freshness]:
        """Of each cube, where it is read from now."""
        return [
            (self._cells and await self._cells.freshness(cube)) or self._live(cube)
            for cube in CUBES
        ]

    def _until(self) -> float:
        """When what is asked for now has to be there."""
        return self._deadline

    def close(self) -> None:
        """Ends what is still being read; nobody waits for it."""
        for task in (*self._sent, *self._plain.values()):
            task.cancel()
        if self._cells:
            self._cells.close()

    async def _explain(self, source: type[Document], probe: Mapping[str, Any]) -> frozenset[str]:
        collection = source.get_pymongo_collection()
        find = {
            "find": collection.name,
            "filter": probe,
            "collation": BY_CODE_POINT.document,
        }

        async def explained(deadline: float) -> Mapping[str, Any]:
            return await collection.database.command(
                "explain", find, verbosity="queryPlanner", maxTimeMS=_milliseconds(deadline)
            )

        return plain_fields(
            await self._read(collection.name, ("explain", source, str(probe)), explained)
        )

    async def _load(self, queries: list[Query[Any]]) -> "list[Task[_Documents]]":
        batches: defaultdict[Hashable, list[Query[Any]]] = defaultdict(list)
        for query in queries:
            batches[query.batch].append(query)
        # Each answers when it is there, not when the slowest is.
        sent = {
            key: asyncio.create_task(self._aggregate(reduce(lambda a, b: a.merge(b), batch)))
            for key, batch in batches.items()
        }
        self._sent.update(sent.values())
        return [sent[query.batch] for query in queries]

    async def _aggregate(self, query: Query[Any]) -> _Documents:
        collection = query.source.get_pymongo_collection()
        if not isinstance(query, Slice):
            return (await self._documents(collection, query.pipeline(), query))[1]
        kept = await self._cells.fresh(query, self.after) if self._cells else None
        if kept is not None:
            self._note(kept.freshness)
            return await self._kept_cells(kept, query)
        age, documents = await self._documents(collection, query.pipeline(), query)
        self._note(self._live(query.cube, age))
        return documents

    async def _kept_cells(self, kept: Kept, query: Slice) -> _Documents:
        """Kept cells, and what is counted of the edges of a stretch of time."""
        collection = query.source.get_pymongo_collection()
        # No read is shared that began before these cells were.
        key = kept.version, query
        if query.window is None and (known := kept.known.get(key)) is not None:
            return known
        found = await asyncio.gather(
            self._documents(kept.cells, kept.pipeline, key),
            *(self._documents(collection, edge.pipeline(), edge) for edge in kept.edges),
        )
        documents = [document for _, documents in found for document in documents]
        if query.window is None:
            with suppress(ValueError):
                # More than it ever holds.
                kept.known[key] = documents
        return documents

    async def _documents(
        self, collection: Collection, pipeline: list[Stage], query: Hashable
    ) -> tuple[timedelta, _Documents]:
        """What a pipeline gives, and how long before the request that began to be read."""
        # The same for all requests, unless the pipeline says `$$now`.
        mentioned = str(pipeline)
        let = {name: each for name, each in self._variables.items() if f"$${name}" in mentioned}
        if self.after is not None:
            collection = collection.with_options(read_preference=ReadPreference.PRIMARY)
            # What lies ahead, as clocks differ, is waited for.
            ahead = moment_of(self.after) - self._variables["now"]
            passed = asyncio.get_running_loop().time() - self._arrived
            await asyncio.sleep(ahead.total_seconds() - passed)

        async def aggregated(deadline: float) -> tuple[float, _Documents]:
            began = asyncio.get_running_loop().time()
            cursor = await self._send(
                collection,
                pipeline,
                batchSize=_BATCH_SIZE,
                let=let,
                maxTimeMS=_milliseconds(deadline),
            )
            return began, await cursor.to_list()

        # Who asked for something as new did not begin before that was there.
        key = (collection.name, query, self.after, *let.items())
        began, documents = await self._read(collection.name, key, aggregated)
        return self._age(began), documents

    async def _states(self, kept: KeptCells) -> tuple[timedelta, States]:
        async def states(_: float) -> tuple[float, States]:
            return await kept.states()

        began, found = await self._read("rollups", "rollups", states)
        return self._age(began), found

    def _age(self, began: float) -> timedelta:
        return timedelta(seconds=max(0.0, self._arrived - began))

    def _live(self, cube: Cube, age: timedelta = timedelta()) -> Freshness:
        return Freshness(cube.name, False, self._variables["now"] - age, age)

    def _note(self, freshness: Freshness) -> None:
        before = self.used.setdefault(freshness.cube, freshness)
        self.used[freshness.cube] = min(before, freshness, key=lambda each: each.as_of)

    async def _send(
        self, collection: Collection, pipeline: list[Stage], **options: Any
    ) -> AsyncCommandCursor[dict[str, Any]]:
        return await collection.aggregate(
            pipeline, allowDiskUse=True, collation=BY_CODE_POINT, **options
        )

    async def _read(
        self, collection: str, key: Hashable, start: Callable[[float], Awaitable[_Read]]
    ) -> _Read:
        """What is read from a collection; raises `ServiceUnavailable`."""
        # The server ends what takes too long; our own limit is for a server that is silent.
        deadline = self._until()
        remaining = deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(remaining + _GRACE if remaining > 0 else 0):
                return await self._shared.read(key, start, arrived=self._arrived, deadline=deadline)
        except (TimeoutError, ExecutionTimeout) as error:
            _log.warning("an aggregation took too long", collection=collection)
            raise ServiceUnavailable(
                "The request took too long; ask for less, or try again later."
            ) from error
        except ConnectionFailure as error:
            _log.warning("the database is away", reason=first_words(error))
            raise ServiceUnavailable("The database can't be reached; try again shortly.") from error


def _milliseconds(deadline: float) -> int:
    """What is left of the time, for MongoDB."""
    return max(1, int((deadline - asyncio.get_running_loop().time()) * 1000))


async def _answer(query: Query[_Answer], sent: Future[Task[_Documents]]) -> _Answer:
    return query.answer(await (await sent))
