"""Replication lag: as of when the documents are that a secondary has."""

import asyncio
from asyncio import Task
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any, Final

from bson import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from documents.reads import NOT_A_REPLICA_SET, SNAPSHOT_UNAVAILABLE
from loaders.outages import OPEN_SECONDS, WAIT_SECONDS
from loaders.plan import Documents

_ASK_SECONDS: Final = 0.05
_REMEMBERED: Final = 1000

_Start = Callable[[AsyncClientSession], Awaitable[AsyncCommandCursor[dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class _LastWrite:
    """The newest write of the primary when it was asked; `at` is then by the primary's clock."""

    time: Timestamp
    asked_at: float
    at: datetime


class Replication:
    """Reads secondaries, and tells as of when the documents are.

    A secondary has all writes up to a cluster time. That tells no time of day: the newest cluster
    time of an idle replica set is up to 10 s old. So the primary is asked for its newest write, at
    most twenty times a second. What has this write is as new as the question. If a secondary lacks
    it, an earlier question tells, or the second of the cluster time.
    """

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], clock: Callable[[], datetime]
    ) -> None:
        """`clock` tells the time before the primary ever has."""
        self._client = database.client
        self._clock = clock
        self._seen = deque[_LastWrite](maxlen=_REMEMBERED)
        self._asking: Task[None] | None = None
        self._ask_at = -inf
        self._primary_at = -inf

    async def read(self, start: _Start) -> tuple[float, Documents]:
        """(the loop's time that the documents are as of, the documents).

        `start` gets a session to read in. The time is never too late. It is at most 50 ms too early
        if the secondary has the primary's newest write, else as much as that of the newest write
        that it has, or of the last question to the primary before the missing one.
        """
        began = asyncio.get_running_loop().time()
        asking = self._ask()
        try:
            # In a snapshot, because its cluster time is exact. The operation time of other reads is
            # of their end: what the secondary received meanwhile is not in them.
            async with self._client.start_session(snapshot=True) as session:
                documents = await (await start(session)).to_list()
                # PyMongo has no public name for it.
                time: Timestamp | None = session._snapshot_time
        except OperationFailure as error:
            if error.code not in (SNAPSHOT_UNAVAILABLE, NOT_A_REPLICA_SET):
                raise
            # The collection is capped, or new.
            async with self._client.start_session(causal_consistency=False) as session:
                documents = await (await start(session)).to_list()
                time = session.operation_time
        await asyncio.wait([asking])
        return began if time is None else min(began, self._as_of(time)), documents

    async def of_primary(
        self, command: Callable[[], Awaitable[Mapping[str, Any]]]
    ) -> Mapping[str, Any] | None:
        """What the primary answers to a command; None if not within 250 ms, and for 5 s after."""
        now = asyncio.get_running_loop().time()
        if now < self._primary_at:
            return None
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await command()
        except (PyMongoError, TimeoutError):
            self._primary_at = now + OPEN_SECONDS
            return None

    def _as_of(self, time: Timestamp) -> float:
        """The loop's time at which there was no write after `time`."""
        loop = asyncio.get_running_loop()
        newest = self._seen[-1] if self._seen else _LastWrite(time, loop.time(), self._clock())
        second = newest.asked_at - (newest.at - time.as_datetime()).total_seconds()
        asked = (write.asked_at for write in reversed(self._seen) if write.time <= time)
        return max(second, next(asked, -inf))

    def _ask(self) -> "Task[None]":
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now >= self._ask_at):
            self._ask_at = now + _ASK_SECONDS
            self._asking = asyncio.create_task(self._ask_primary(now))
        return self._asking

    async def _ask_primary(self, now: float) -> None:
        hello = await self.of_primary(partial(self._client.admin.command, "hello"))
        # A router has no last write, and a direct connection may be to a secondary.
        if hello and hello["isWritablePrimary"] and "lastWrite" in hello:
            time = hello["lastWrite"]["opTime"]["ts"]
            self._seen.append(_LastWrite(time, now, hello["localTime"].replace(tzinfo=UTC)))
