"""Snapshots: reads as of one cluster time, for exports."""

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final, TypeVar

from beanie import Document
from bson import Timestamp
from pymongo.errors import OperationFailure, PyMongoError

from cubes.cube import Cube
from cubes.declaration import Stage
from cubes.registry import DEFAULT_CATALOG, Catalog
from documents import DOCUMENTS
from documents.reads import AsOf
from documents.ticket import Ticket
from loaders.loader import Loader
from loaders.plan import Collection, Query
from loaders.read_ahead import read_ahead
from loaders.request_rollups import RequestRollups
from loaders.rollup_reader import RollupReader
from loaders.run import Runner

_Answer = TypeVar("_Answer")

_CLOSE_SECONDS: Final = 1.0


class Snapshot(Loader):
    """Loads queries as of one cluster time, however long that takes; see `snapshot`."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        runner: Runner,
        *,
        at_one_time: bool,
        timeout: float,
        rollups: RollupReader | None,
        catalog: Catalog,
    ) -> None:
        super().__init__(parameters, timeout=timeout, catalog=catalog)
        self._runner = runner
        self._rollups = RequestRollups(rollups, runner) if rollups else None
        self.at_one_time: Final = at_one_time
        """Whether all documents are read as of one cluster time; else each read is of its own."""

    async def position(self, cube: Cube) -> Timestamp | None:
        """The cluster time that a cube's cells are as of; None if they are not read."""
        bound = self._catalog.bound(cube)
        return await self._rollups.position(bound) if self._rollups else None

    def load(self, query: Query[_Answer]) -> Future[_Answer]:
        """The query's answer. It is not held, as an export may ask thousands of queries."""
        return asyncio.ensure_future(self._loaded(query))

    async def _loaded(self, query: Query[_Answer]) -> _Answer:
        return query.answer(await self._documents(query))

    async def stream(
        self, source: type[Document], pipelines: Iterable[list[Stage]], *, batch: int
    ) -> AsyncGenerator[tuple[int, list[dict[str, Any]]]]:
        """(number of a pipeline, some of its documents), one pipeline after the other.

        There are `batch` documents at a time, and none when a pipeline has ended. Dates are naive
        and in UTC, which costs half as much. Close the generator to end it early.
        """
        collection = source.get_pymongo_collection()
        options = collection.codec_options.with_options(tz_aware=False)
        collection = collection.with_options(codec_options=options)

        async def documents() -> AsyncGenerator[tuple[int, list[dict[str, Any]]]]:
            for number, pipeline in enumerate(pipelines):
                async with aclosing(self._batches(collection, pipeline, batch)) as batches:
                    async for rows in batches:
                        yield number, rows
                yield number, []

        # MongoDB works on the next batches while earlier ones are written.
        async with aclosing(read_ahead(documents())) as batches:
            async for each in batches:
                yield each

    async def _batches(
        self, collection: Collection, pipeline: list[Stage], batch: int
    ) -> AsyncGenerator[list[dict[str, Any]]]:
        cursor = await self._runner.cursor(collection, pipeline, batch)
        name = collection.name
        try:
            while rows := await self._runner.call(name, None, lambda _: cursor.to_list(batch)):
                yield rows
        finally:
            # A MongoDB that is silent is not waited for.
            with suppress(TimeoutError, PyMongoError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await cursor.close()


async def snapshot(
    parameters: Mapping[str, Any],
    *,
    seconds: float,
    at_one_time: bool = True,
    rollups: RollupReader | None = None,
    of: Cube | None = None,
    catalog: Catalog = DEFAULT_CATALOG,
) -> Snapshot:
    """A loader whose reads are as of one cluster time; each read may take `seconds`.

    With `rollups`, that time is the resume position of the cells of the cube `of`. Cells of other
    rollups are as of their own positions, at most 2 s apart. If the cells of `of` can't be read,
    no cells are.

    Without `at_one_time`, and on a stand-alone MongoDB, which has no cluster time, each read is of
    its own time. Raises `ServiceUnavailable` if the database can't be reached or takes too long,
    and `SnapshotUnavailable` if a collection can't be read at a cluster time.
    """
    runner = Runner(seconds, each=True)
    time: Timestamp | None = None

    def opened(cells: RollupReader | None, *, at_one_time: bool) -> Snapshot:
        return Snapshot(
            parameters,
            runner,
            at_one_time=at_one_time,
            timeout=seconds,
            rollups=cells,
            catalog=catalog,
        )

    if at_one_time and rollups is not None and of is not None:
        loader = opened(rollups, at_one_time=True)
        time = await loader.position(of)
    if time is None:
        database = Ticket.get_pymongo_collection().database
        hello: Mapping[str, Any] = await runner.call(
            "hello", None, lambda _: database.command("hello")
        )
        time = hello.get("operationTime") if at_one_time else None
        loader = opened(None, at_one_time=time is not None)
    if time is not None:
        runner.as_of = as_of = AsOf(time)
        await asyncio.gather(*(_probe(document, runner, as_of) for document in DOCUMENTS.values()))
    return loader


async def _probe(document: type[Document], runner: Runner, as_of: AsOf) -> None:
    """Raises `SnapshotUnavailable` if a collection can't be read at a time, as if it is capped.

    A file that has begun can't be begun again.
    """
    collection = document.get_pymongo_collection().with_options(read_concern=as_of)
    # A collection that may not be read is perhaps not needed.
    with suppress(OperationFailure):
        await runner.call(collection.name, None, lambda _: collection.find_one({}, {"_id": 1}))
