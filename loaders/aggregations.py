"""The one loader of a request: queries that look at the same documents become one aggregation."""

import asyncio
from asyncio import Future, Task
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import reduce
from typing import Any, Protocol, Self, TypeVar

import structlog
from aiodataloader import DataLoader
from beanie import Document
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.errors import ConnectionFailure, ExecutionTimeout

from cubes.cube import Slice, Stage
from documents.reads import BY_CODE_POINT
from errors import ServiceUnavailable, first_words
from loaders.kept_cells import Kept, KeptCells, States
from loaders.plans import plain_fields
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
        self._variables = dict(variables)
        self._arrived = asyncio.get_running_loop().time()
        self._deadline = self._arrived + timeout
        self._shared = shared or SharedReads(0)
        self._kept = kept
        self._states: Task[States] | None = None
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

    def _until(self) -> float:
        """When what is asked for now has to be there."""
        return self._deadline

    def close(self) -> None:
        """Ends what is still being read; nobody waits for it."""
        states = [self._states] if self._states else []
        for task in (*self._sent, *self._plain.values(), *states):
            task.cancel()

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
        collection, pipeline = query.source.get_pymongo_collection(), query.pipeline()
        if (kept := await self._fresh(query)) is not None:
            collection, pipeline = kept.cells, kept.pipeline
        # The same for all requests, unless the pipeline says `$$now`.
        mentioned = str(pipeline)
        let = {name: each for name, each in self._variables.items() if f"$${name}" in mentioned}

        async def aggregated(deadline: float) -> _Documents:
            cursor = await self._send(
                collection,
                pipeline,
                batchSize=_BATCH_SIZE,
                let=let,
                maxTimeMS=_milliseconds(deadline),
            )
            return await cursor.to_list()

        return await self._read(collection.name, (collection.name, query, *let.items()), aggregated)

    async def _fresh(self, query: Query[Any]) -> Kept | None:
        """The kept cells that answer a query, if there are any that are fresh."""
        if self._kept is None or not isinstance(query, Slice):
            return None
        if self._states is None:
            states = self._read("rollups", "rollups", self._kept.states)
            self._states = asyncio.create_task(states)
        return self._kept.fresh(query, await self._states)

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
