"""The loader of one export: all that it reads is of one moment, and streams where it is long."""

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

from beanie import Document
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.errors import OperationFailure, PyMongoError

from cubes.cube import Stage
from documents import Ticket
from errors import ServiceUnavailable
from loaders.aggregations import Aggregations, Collection, Query

_Read = TypeVar("_Read")
_Answer = TypeVar("_Answer")

_CLOSE_SECONDS: Final = 1.0
# MongoDB's SnapshotTooOld.
_TOO_OLD: Final = 239


class Snapshot(Aggregations):
    """Loads queries as of one cluster time, however long that goes on; see `snapshot`."""

    def __init__(
        self, variables: Mapping[str, Any], *, timeout: float, session: AsyncClientSession | None
    ) -> None:
        super().__init__(variables, timeout=timeout)
        self._timeout = timeout
        self._session = session
        # A session serves one read at a time.
        self._turn = asyncio.Lock()

    def load(self, query: Query[_Answer]) -> Future[_Answer]:
        """The query's answer, which is not kept: there may be thousands of them."""
        return asyncio.ensure_future(self._answered(query))

    async def _answered(self, query: Query[_Answer]) -> _Answer:
        return query.answer(await self._aggregate(query))

    async def stream(
        self, source: type[Document], pipeline: list[Stage], *, batch: int
    ) -> AsyncGenerator[list[dict[str, Any]]]:
        """What a pipeline gives, so many documents at a time; close it to end it early.

        Dates are in UTC without saying so, which costs half as much.
        """
        collection = source.get_pymongo_collection()
        collection = collection.with_options(collection.codec_options.with_options(tz_aware=False))
        cursor = await self._read(
            collection.name, None, lambda _: self._send(collection, pipeline, batchSize=batch)
        )
        try:
            while rows := await self._read(collection.name, None, lambda _: cursor.to_list(batch)):
                yield rows
        finally:
            # A database that is silent is not waited for.
            with suppress(TimeoutError, PyMongoError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await cursor.close()

    async def _send(
        self, collection: Collection, pipeline: list[Stage], **options: Any
    ) -> AsyncCommandCursor[dict[str, Any]]:
        return await super()._send(collection, pipeline, session=self._session, **options)

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout

    async def _read(
        self, collection: str, key: Hashable, start: Callable[[float], Awaitable[_Read]]
    ) -> _Read:
        async with self._turn:
            try:
                return await super()._read(collection, key, start)
            except OperationFailure as error:
                if error.code != _TOO_OLD:
                    raise
                raise ServiceUnavailable(
                    "The export took longer than the database remembers the moment that it is of "
                    "(its parameter minSnapshotHistoryWindowInSeconds)."
                ) from error


@asynccontextmanager
async def snapshot(variables: Mapping[str, Any], *, seconds: float) -> AsyncIterator[Snapshot]:
    """A loader whose reads are of one cluster time; each may take so many seconds.

    On a server that stands alone, which keeps no such time, each read is of its own. Raises
    `ServiceUnavailable` where the database can't be reached or takes too long.
    """
    database = Ticket.get_pymongo_collection().database
    alone = Snapshot(variables, timeout=seconds, session=None)
    hello: Mapping[str, Any] = await alone._read("hello", None, lambda _: database.command("hello"))
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        yield alone
        return
    async with database.client.start_session(snapshot=True) as session:
        yield Snapshot(variables, timeout=seconds, session=session)
