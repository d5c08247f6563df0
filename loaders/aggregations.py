"""The one loader of a request: queries that look at the same documents become one aggregation."""

import asyncio
from asyncio import Future
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from functools import reduce
from typing import Any, Protocol, Self, TypeVar, cast

import structlog
from aiodataloader import DataLoader
from beanie import Document
from pymongo.collation import Collation
from pymongo.errors import ConnectionFailure, ExecutionTimeout

from cubes.cube import Stage
from errors import ServiceUnavailable, first_words

_Answer = TypeVar("_Answer", covariant=True)

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
    def answer(self, documents: Sequence[Mapping[str, Any]]) -> _Answer: ...


class Aggregations:
    """Loads queries for one request; belongs to one event loop.

    What is asked for before the loop comes round is merged by `Query.batch`. Raises
    `ServiceUnavailable` where the database can't be reached or takes too long.
    """

    def __init__(self, variables: Mapping[str, Any], *, timeout: float) -> None:
        """`variables` are what expressions may use as `$$name`; `timeout` is in seconds."""
        self._variables = dict(variables)
        self._deadline = asyncio.get_running_loop().time() + timeout
        self._loader: DataLoader[Query[Any], Any] = DataLoader(self._load)

    def load(self, query: Query[_Answer]) -> Future[_Answer]:
        """The query's answer. Ask for all that is needed before awaiting any."""
        return cast("Future[_Answer]", self._loader.load(query))

    async def _load(self, queries: list[Query[Any]]) -> list[Any]:
        batches: defaultdict[Hashable, list[Query[Any]]] = defaultdict(list)
        for query in queries:
            batches[query.batch].append(query)
        loaded = await asyncio.gather(
            *(
                self._aggregate(reduce(lambda a, b: a.merge(b), batch))
                for batch in batches.values()
            ),
            return_exceptions=True,
        )
        documents = dict(zip(batches, loaded, strict=True))
        return [
            found
            if isinstance(found := documents[query.batch], BaseException)
            else query.answer(found)
            for query in queries
        ]

    async def _aggregate(self, query: Query[Any]) -> Sequence[Mapping[str, Any]]:
        remaining = self._deadline - asyncio.get_running_loop().time()
        try:
            # The server ends what takes too long; our own limit is for a server that is silent.
            async with asyncio.timeout(remaining + _GRACE if remaining > 0 else 0):
                cursor = await query.source.get_pymongo_collection().aggregate(
                    query.pipeline(),
                    allowDiskUse=True,
                    batchSize=_BATCH_SIZE,
                    collation=_BY_CODE_POINT,
                    let=self._variables,
                    maxTimeMS=max(1, int(remaining * 1000)),
                )
                return await cursor.to_list()
        except (TimeoutError, ExecutionTimeout) as error:
            _log.warning(
                "an aggregation took too long", collection=query.source.get_collection_name()
            )
            raise ServiceUnavailable(
                "The request took too long; ask for less, or try again later."
            ) from error
        except ConnectionFailure as error:
            _log.warning("the database is away", reason=first_words(error))
            raise ServiceUnavailable("The database can't be reached; try again shortly.") from error
