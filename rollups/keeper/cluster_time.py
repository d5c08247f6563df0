"""Cluster times that a majority of the replica set has committed, and the server's clock then."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bson import Timestamp
from pymongo.asynchronous.database import AsyncDatabase

_WRITES_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class MajorityTime:
    """A majority-committed cluster time, and the server's clock when it was the newest."""

    cluster_time: Timestamp
    at: datetime


class PrimaryChanged(Exception):
    """Another member was elected primary, or the same one again."""


class MajorityClock:
    """Reports the newest majority-committed time, of one primary.

    A change stream goes on reading from the member that it was opened on. That member can be behind
    a new primary, so a time of the new primary says nothing about the stream.

    The clock remembers when it saw each write that a majority does not have yet. The time that it
    reports for that write later is exact to the millisecond; MongoDB itself tells only the second.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._writes = deque[MajorityTime](maxlen=_WRITES_REMEMBERED)
        self._election: Any = None

    async def now(self) -> MajorityTime:
        """The newest majority-committed time; raises `PrimaryChanged` after another election."""
        hello = await self._database.command("hello")
        election = hello.get("electionId")
        if election != (self._election or election):
            raise PrimaryChanged("another primary was elected")
        self._election = election
        last = hello["lastWrite"]
        committed: Timestamp = last["majorityOpTime"]["ts"]
        self._writes.append(MajorityTime(last["opTime"]["ts"], _utc(hello["localTime"])))
        while len(self._writes) > 1 and self._writes[1].cluster_time <= committed:
            self._writes.popleft()
        oldest = self._writes[0]
        if oldest.cluster_time <= committed:
            return MajorityTime(committed, oldest.at)
        # The write was committed before the first call.
        return MajorityTime(committed, _utc(last["majorityWriteDate"]))


async def majority_time(database: AsyncDatabase[dict[str, Any]]) -> MajorityTime:
    """The newest majority-committed time, to the second while a majority lags."""
    return await MajorityClock(database).now()


def next_cluster_time(time: Timestamp) -> Timestamp:
    """The first cluster time after `time`."""
    return Timestamp(time.time, time.inc + 1)


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)
