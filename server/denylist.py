"""The denylist's source: a file or a collection, which is read again every few seconds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final, NoReturn

import bson
import pymongo
import structlog
from bson.errors import BSONError
from pymongo import ReadPreference
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from auth.revocation import (
    Denylist,
    Revocation,
    revocations_of_documents,
    revocations_of_lines,
)
from cancelling import running
from errors import StartupError, first_words
from server.database import SyncDatabase
from server.setting_types import COLLECTION_SOURCE
from server.settings import PREFIX, Settings

_log = structlog.get_logger(__name__)

_INTERVAL_SECONDS: Final = 4.0
_READ_SECONDS: Final = 5.0
"""Longest read. With the interval, a revocation is heeded within 10 s."""
_HANGING_MAX: Final = 10
_FIELDS: Final = {"jti": 1, "sub": 1, "issuedBefore": 1}
_BATCH: Final = 1000
"""Documents that are decoded at a stretch, in about a millisecond."""

_Content = bytes | Sequence[bytes]
"""A file, or batches of documents of a collection as BSON."""
_OnRead = Callable[[int | None], None]


def check_denylist(settings: Settings, database: SyncDatabase) -> None:
    """Raises `StartupError` if the configured denylist can't be read, or has a malformed entry."""
    source = settings.jwt_denylist
    if source is None:
        return
    try:
        if source.startswith(COLLECTION_SOURCE):
            name = source.removeprefix(COLLECTION_SOURCE)
            content: _Content = [*database[name].find_raw_batches({}, _FIELDS, batch_size=_BATCH)]
        else:
            content = _bytes_of(Path(source))
        Denylist().replace(_revocations(content))
    except (OSError, ValueError, PyMongoError, BSONError) as error:
        remedy = " Create it: an empty file revokes nothing."
        raise StartupError(
            f"{PREFIX}JWT_DENYLIST: {source} can't be read as a denylist: {first_words(error)}."
            + remedy * isinstance(error, FileNotFoundError)
        ) from error


@asynccontextmanager
async def following_denylist(
    settings: Settings,
    database: AsyncDatabase[dict[str, Any]],
    denylist: Denylist,
    on_read: _OnRead,
) -> AsyncIterator[None]:
    """Keeps `denylist` up to date inside the block, which begins when it is read.

    `on_read` is called after each read with the size of the list, or None if the read failed.
    """
    source = settings.jwt_denylist
    if source is None:
        yield
        return
    reader = _Reader(denylist, _content_of(source, database), on_read)
    async with running(reader.follow()):
        await reader.is_read.wait()
        yield


def _content_of(
    source: str, database: AsyncDatabase[dict[str, Any]]
) -> Callable[[], Awaitable[_Content]]:
    if not source.startswith(COLLECTION_SOURCE):
        return partial(_read_file, Path(source), [])
    # Secondaries may be late.
    collection = database.get_collection(
        source.removeprefix(COLLECTION_SOURCE), read_preference=ReadPreference.PRIMARY_PREFERRED
    )

    async def documents() -> _Content:
        with pymongo.timeout(_READ_SECONDS):
            # Its type says that it yields documents, but it yields batches of them as bytes.
            batches: Any = collection.find_raw_batches({}, _FIELDS, batch_size=_BATCH)
            return [batch async for batch in batches]

    return documents


def _bytes_of(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        # A pipe would wait for a writer.
        raise ValueError("it is not a file")
    return path.read_bytes()


async def _read_file(path: Path, reading: list[Thread]) -> bytes:
    """The bytes of a file; raises `TimeoutError` after 5 s, as for a file server that is away.

    Such a read ends only when the file server is back. `reading` are the threads of earlier reads.
    """
    content = Future[bytes]()
    # It can't be cancelled.
    content.set_running_or_notify_cancel()

    def read() -> None:
        try:
            content.set_result(_bytes_of(path))
        except Exception as error:
            content.set_exception(error)

    reading[:] = [each for each in reading if each.is_alive()]
    if len(reading) < _HANGING_MAX:
        # The interpreter would wait for a thread of another kind before it ends.
        reading.append(Thread(target=read, daemon=True))
        reading[-1].start()
    async with asyncio.timeout(_READ_SECONDS):
        return await asyncio.wrap_future(content)


class _Reader:
    """Reads the source of a denylist. The last list stays in use while reads fail."""

    def __init__(
        self, denylist: Denylist, content: Callable[[], Awaitable[_Content]], on_read: _OnRead
    ) -> None:
        self._denylist = denylist
        self._content = content
        self._on_read = on_read
        self._last: _Content | None = None
        self._failure: str | None = None
        self.is_read = asyncio.Event()

    async def follow(self) -> NoReturn:
        """Reads the list again and again until it is cancelled."""
        while True:
            await self._read()
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def _read(self) -> None:
        try:
            content = await self._content()
            # In a thread: to parse a long list would block the event loop.
            await asyncio.to_thread(self._replace, content)
        except Exception as error:
            # The last denylist stays in use after any error.
            failure = first_words(error)
            # Logged once, not every few seconds.
            if failure != self._failure:
                _log.error("the denylist can't be read", reason=failure)
            self._failure = failure
            self._on_read(None)
            return
        if self._failure is not None or not self.is_read.is_set():
            _log.info("the denylist is read", revoked=self._denylist.size)
        self._failure = None
        self.is_read.set()
        self._on_read(self._denylist.size)

    def _replace(self, content: _Content) -> None:
        if content != self._last:
            self._denylist.replace(_revocations(content))
            self._last = content


def _revocations(content: _Content) -> Iterator[Revocation]:
    if isinstance(content, bytes):
        return revocations_of_lines(content)
    return revocations_of_documents(each for batch in content for each in bson.decode_all(batch))
