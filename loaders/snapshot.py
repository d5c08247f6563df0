"""The loader of one export: all that it reads is of one moment, and streams where it is long."""

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final, TypeVar

from beanie import Document
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.errors import OperationFailure, PyMongoError

from cubes.cube import Stage
from documents import Ticket
from documents.reads import AsOf
from errors import ServiceUnavailable
from loaders.loader import Aggregations, Collection, Query
from loaders.read_ahead import ahead

_Read = TypeVar("_Read")
_Answer = TypeVar("_Answer")

_CLOSE_SECONDS: Final = 1.0
# MongoDB's SnapshotTooOld.
_TOO_OLD: Final = 239


class Snapshot(Aggregations):
    """Loads queries as of one cluster time, however long that goes on; see `snapshot`."""

    def __init__(
        self, variables: Mapping[str, Any], *, timeout: float, moment: AsOf | None
    ) -> None:
        super().__init__(variables, timeout=timeout)
        self._timeout = timeout
        self._moment = moment

    def load(self, query: Query[_Answer]) -> Future[_Answer]:
        """The query's answer, which is not kept: there may be thousands of them."""
        return asyncio.ensure_future(self._answered(query))

    async def _answered(self, query: Query[_Answer]) -> _Answer:
        return query.answer(await self._aggregate(query))

    async def stream(
        self, source: type[Document], pipelines: Iterable[list[Stage]], *, batch: int
    ) -> AsyncGenerator[tuple[int, list[dict[str, Any]]]]:
        """What pipelines give, one after the other: (number of the pipeline, some documents).

        So many documents come at a time, and none when a pipeline has ended. Dates are in UTC
        without saying so, which costs half as much. Close it to end it early.
        """
        collection = source.get_pymongo_collection()
        options = collection.codec_options.with_options(tz_aware=False)
        collection = collection.with_options(codec_options=options)

        async def all_of_them() -> AsyncGenerator[tuple[int, list[dict[str, Any]]]]:
            for number, pipeline in enumerate(pipelines):
                async with aclosing(self._rows(collection, pipeline, batch)) as batches:
                    async for rows in batches:
                        yield number, rows
                yield number, []

        # The database is at work on the next ones while these are written.
        async with aclosing(ahead(all_of_them())) as batches:
            async for each in batches:
                yield each

    async def _rows(
        self, collection: Collection, pipeline: list[Stage], batch: int
    ) -> AsyncGenerator[list[dict[str, Any]]]:
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
        return await super()._send(self._at(collection), pipeline, **options)

    def _at(self, collection: Collection) -> Collection:
        return collection.with_options(read_concern=self._moment)

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout

    async def _read(
        self, collection: str, key: Hashable, start: Callable[[float], Awaitable[_Read]]
    ) -> _Read:
        try:
            return await super()._read(collection, key, start)
        except OperationFailure as error:
            if error.code != _TOO_OLD:
                raise
            raise ServiceUnavailable(
                "The export took longer than the database remembers the moment that it is of "
                "(its parameter minSnapshotHistoryWindowInSeconds)."
            ) from error


async def snapshot(variables: Mapping[str, Any], *, seconds: float) -> Snapshot:
    """A loader whose reads are of one cluster time; each may take so many seconds.

    On a server that stands alone, which keeps no such time, each read is of its own. Raises
    `ServiceUnavailable` where the database can't be reached or takes too long.
    """
    database = Ticket.get_pymongo_collection().database
    alone = Snapshot(variables, timeout=seconds, moment=None)
    hello: Mapping[str, Any] = await alone._read("hello", None, lambda _: database.command("hello"))
    # All that was written until now.
    time = hello.get("operationTime")
    return alone if time is None else Snapshot(variables, timeout=seconds, moment=AsOf(time))
