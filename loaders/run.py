"""Running reads: within a deadline, with the errors of a database that is away or too slow."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from pymongo import ReadPreference
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
)

from cubes.declaration import Stage
from documents.reads import (
    AUTHENTICATION_FAILED,
    BY_CODE_POINT,
    ENDED_READ,
    QUERY_PLAN_KILLED,
    SNAPSHOT_TOO_OLD,
    SNAPSHOT_UNAVAILABLE,
    AsOf,
)
from documents.sessions import close_idle_connections
from errors import ServiceUnavailable, SnapshotUnavailable, first_words
from loaders.freshness import ReadAfter
from loaders.plan import Collection, Documents, Read
from loaders.replication import Replication
from loaders.shared_reads import UNBOUNDED, SharedReads

_Found = TypeVar("_Found")

_log = structlog.get_logger(__name__)

# The default of 101 documents would cost a second round trip. To decode more than this many at once
# would hold the event loop.
_BATCH_SIZE: Final = 10_000
_GRACE_SECONDS: Final = 0.5


class Runner:
    """Runs the reads of one request, or of one export.

    A request has `seconds` for all of its reads; with `each`, every read has as many. Identical
    reads in flight are shared (`SharedReads`). `replication` tells the age of secondaries.
    """

    def __init__(
        self,
        seconds: float,
        *,
        shared: SharedReads | None = None,
        replication: Replication | None = None,
        each: bool = False,
    ) -> None:
        self.arrived = asyncio.get_running_loop().time()
        self._seconds = seconds
        self._each = each
        self._shared = shared or SharedReads(0)
        self._replication = replication
        self.as_of: AsOf | None = None
        """The cluster time that all documents are read as of; None: each read is of its own."""

    @property
    def reads_secondaries(self) -> bool:
        """Whether live counts may read a secondary."""
        return self._replication is not None

    async def documents(
        self,
        read: Read,
        after: ReadAfter | None = None,
        slots: AbstractAsyncContextManager[None] = UNBOUNDED,
    ) -> tuple[timedelta, Documents]:
        """(age of the documents when the request arrived, the documents).

        With `after`, reads the primary. The read begins when it has one of the `slots`. Raises
        `ServiceUnavailable`.
        """
        collection = read.collection
        if after is not None:
            collection = collection.with_options(read_preference=ReadPreference.PRIMARY)

        options: dict[str, Any] = {} if read.uuid is None else {"collectionUUID": read.uuid}

        async def aggregated(deadline: float) -> tuple[float, Documents]:
            aggregate = partial(
                self._aggregate,
                collection,
                read.pipeline,
                batchSize=read.batch_size or _BATCH_SIZE,
                let=read.let,
                maxTimeMS=_milliseconds(deadline),
                **options,
            )
            if self._replication and collection.read_preference != ReadPreference.PRIMARY:
                return await self._replication.read(aggregate)
            began = asyncio.get_running_loop().time()
            return began, await (await aggregate()).to_list()

        async def start(deadline: float) -> tuple[float, Documents]:
            try:
                return await aggregated(deadline)
            except ConfigurationError:
                await close_idle_connections(collection.database.client)
            except OperationFailure as error:
                if error.code != QUERY_PLAN_KILLED:
                    raise
            # `$out`, for instance, has replaced the collection: the new one can be read.
            return await aggregated(deadline)

        # A read that began before `after` was reached is not shared.
        as_of, documents = await self.call(collection.name, (read.key, after), start, slots)
        return self.age(as_of), documents

    async def cursor(
        self, collection: Collection, pipeline: list[Stage], batch: int
    ) -> AsyncCommandCursor[dict[str, Any]]:
        """A cursor over a pipeline's documents; raises `ServiceUnavailable`."""
        return await self.call(
            collection.name,
            None,
            lambda _: self._aggregate(collection, pipeline, batchSize=batch),
        )

    async def explain(self, collection: Collection, filter: Mapping[str, Any]) -> Mapping[str, Any]:
        """The query planner's plans for a filter; raises `ServiceUnavailable`.

        By the primary: no secondary has an array that the primary lacks. Empty if secondaries are
        read and there is no primary.
        """
        find = {
            "find": collection.name,
            "filter": filter,
            "collation": BY_CODE_POINT.document,
        }

        async def start(deadline: float) -> Mapping[str, Any]:
            explain = partial(
                collection.database.command,
                "explain",
                find,
                verbosity="queryPlanner",
                maxTimeMS=_milliseconds(deadline),
            )
            if self._replication and collection.read_preference != ReadPreference.PRIMARY:
                return await self._replication.of_primary(explain) or {}
            return await explain()

        return await self.call(collection.name, ("explain", str(filter)), start)

    async def call(
        self,
        collection: str,
        key: Hashable,
        start: Callable[[float], Awaitable[_Found]],
        slots: AbstractAsyncContextManager[None] = UNBOUNDED,
    ) -> _Found:
        """The result of `start`, which gets its deadline; shared by `key`.

        Raises `ServiceUnavailable` if the database can't be reached or takes too long, and
        `SnapshotUnavailable` if a cluster time can't be read.
        """
        loop = asyncio.get_running_loop()
        deadline = (loop.time() if self._each else self.arrived) + self._seconds
        # MongoDB ends what takes too long; this limit is for a MongoDB that is silent.
        remaining = deadline - loop.time()
        try:
            async with asyncio.timeout(remaining + _GRACE_SECONDS if remaining > 0 else 0):
                return await self._shared.read(
                    (collection, key), start, arrived=self.arrived, deadline=deadline, slots=slots
                )
        except (TimeoutError, ExecutionTimeout) as error:
            _log.warning("an aggregation took too long", collection=collection)
            raise ServiceUnavailable(
                "The request took too long; ask for less, or try again later."
            ) from error
        except ConnectionFailure as error:
            _log.warning("the database is away", reason=first_words(error))
            raise ServiceUnavailable("The database can't be reached; try again shortly.") from error
        except OperationFailure as error:
            if error.code == AUTHENTICATION_FAILED:
                _log.error("MongoDB refuses the credentials of the URI")
                raise ServiceUnavailable(
                    "The database can't be reached; try again later."
                ) from error
            if error.code in ENDED_READ:
                raise ServiceUnavailable(
                    f"MongoDB ended a read of {collection}; try again shortly."
                ) from error
            if error.code == SNAPSHOT_UNAVAILABLE:
                raise SnapshotUnavailable(
                    f"The collection {collection} is being changed; try again shortly."
                ) from error
            if error.code == SNAPSHOT_TOO_OLD:
                raise SnapshotUnavailable(
                    "The export took longer than MongoDB keeps the snapshot that it reads: raise "
                    "its parameter minSnapshotHistoryWindowInSeconds."
                ) from error
            raise

    @property
    def elapsed(self) -> float:
        """The seconds since the request arrived."""
        return asyncio.get_running_loop().time() - self.arrived

    def age(self, as_of: float) -> timedelta:
        """The age, when the request arrived, of what is as of a time of the loop; 0 if later."""
        return timedelta(seconds=max(0.0, self.arrived - as_of))

    async def _aggregate(
        self,
        collection: Collection,
        pipeline: list[Stage],
        session: AsyncClientSession | None = None,
        **options: Any,
    ) -> AsyncCommandCursor[dict[str, Any]]:
        # Reads of rollups have a cluster time of their own.
        if self.as_of is not None and not isinstance(collection.read_concern, AsOf):
            collection = collection.with_options(read_concern=self.as_of)
        return await collection.aggregate(
            pipeline, session, allowDiskUse=True, collation=BY_CODE_POINT, **options
        )


def _milliseconds(deadline: float) -> int:
    """The time that is left, for MongoDB."""
    return max(1, int((deadline - asyncio.get_running_loop().time()) * 1000))
