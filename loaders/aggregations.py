"""The one loader of a request: queries that look at the same documents become one aggregation."""

import asyncio
from asyncio import Future, Task
from collections import defaultdict
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import reduce
from typing import Any, Protocol, Self, TypeVar

import structlog
from aiodataloader import DataLoader
from beanie import Document
from pymongo.collation import Collation
from pymongo.errors import ConnectionFailure, ExecutionTimeout

from cubes.cube import Stage
from errors import ServiceUnavailable, first_words
from loaders.plans import plain_fields

_Answer = TypeVar("_Answer", covariant=True)

_Documents = Sequence[Mapping[str, Any]]

_log = structlog.get_logger(__name__)

# Text is compared by code point, whatever collation a collection was created with.
_BY_CODE_POINT = Collation(locale="simple")
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

    def __init__(self, variables: Mapping[str, Any], *, timeout: float) -> None:
        """`variables` are what expressions may use as `$$name`; `timeout` is in seconds."""
        self._variables = dict(variables)
        self._deadline = asyncio.get_running_loop().time() + timeout
        self._plain: dict[type[Document], Future[frozenset[str]]] = {}
        self._loader: DataLoader[Query[Any], Task[_Documents]] = DataLoader(self._load)

    def load(self, query: Query[_Answer]) -> Future[_Answer]:
        """The query's answer. Ask for all that is needed before awaiting any."""
        return asyncio.ensure_future(_answer(query, self._loader.load(query)))

    def plain(self, source: type[Document], probe: Mapping[str, Any]) -> Future[frozenset[str]]:
        """The fields that hold an array in no document, as far as an index for `probe` knows it."""
        if source not in self._plain:
            self._plain[source] = asyncio.create_task(self._explain(source, probe))
        return self._plain[source]

    async def _explain(self, source: type[Document], probe: Mapping[str, Any]) -> frozenset[str]:
        collection = source.get_pymongo_collection()
        find = {
            "find": collection.name,
            "filter": probe,
            "collation": _BY_CODE_POINT.document,
        }
        async with self._answering(collection.name) as milliseconds:
            explained = await collection.database.command(
                "explain", find, verbosity="queryPlanner", maxTimeMS=milliseconds
            )
        return plain_fields(explained)

    async def _load(self, queries: list[Query[Any]]) -> "list[Task[_Documents]]":
        batches: defaultdict[Hashable, list[Query[Any]]] = defaultdict(list)
        for query in queries:
            batches[query.batch].append(query)
        # Each answers when it is there, not when the slowest is.
        sent = {
            key: asyncio.create_task(self._aggregate(reduce(lambda a, b: a.merge(b), batch)))
            for key, batch in batches.items()
        }
        return [sent[query.batch] for query in queries]

    async def _aggregate(self, query: Query[Any]) -> _Documents:
        collection = query.source.get_pymongo_collection()
        async with self._answering(collection.name) as milliseconds:
            cursor = await collection.aggregate(
                query.pipeline(),
                allowDiskUse=True,
                batchSize=_BATCH_SIZE,
                collation=_BY_CODE_POINT,
                let=self._variables,
                maxTimeMS=milliseconds,
            )
            return await cursor.to_list()

    @asynccontextmanager
    async def _answering(self, collection: str) -> AsyncIterator[int]:
        """What the database is asked here may take so many milliseconds."""
        remaining = self._deadline - asyncio.get_running_loop().time()
        try:
            # The server ends what takes too long; our own limit is for a server that is silent.
            async with asyncio.timeout(remaining + _GRACE if remaining > 0 else 0):
                yield max(1, int(remaining * 1000))
        except (TimeoutError, ExecutionTimeout) as error:
            _log.warning("an aggregation took too long", collection=collection)
            raise ServiceUnavailable(
                "The request took too long; ask for less, or try again later."
            ) from error
        except ConnectionFailure as error:
            _log.warning("the database is away", reason=first_words(error))
            raise ServiceUnavailable("The database can't be reached; try again shortly.") from error


async def _answer(query: Query[_Answer], sent: Future[Task[_Documents]]) -> _Answer:
    return query.answer(await (await sent))
