"""Moments of a replica set: cluster times, and what the clock of its server says then."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bson import Timestamp
from pymongo.asynchronous.database import AsyncDatabase

_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Moment:
    """A cluster time that a majority has, and the server's clock when nothing newer was there."""

    time: Timestamp
    at: datetime


class Moments:
    """Now, again and again: what was written when is remembered until a majority has it."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._written = deque[Moment](maxlen=_REMEMBERED)

    async def now(self) -> Moment:
        """The newest moment that a majority has."""
        hello = await self._database.command("hello")
        last = hello["lastWrite"]
        reached: Timestamp = last["majorityOpTime"]["ts"]
        self._written.append(Moment(last["opTime"]["ts"], _utc(hello["localTime"])))
        while len(self._written) > 1 and self._written[1].time <= reached:
            self._written.popleft()
        known = self._written[0]
        # Of what was written before anybody looked only the second is told.
        at = known.at if known.time <= reached else _utc(last["majorityWriteDate"])
        return Moment(reached, at)


async def moment(database: AsyncDatabase[dict[str, Any]]) -> Moment:
    """Now."""
    return await Moments(database).now()


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


def after(time: Timestamp) -> Timestamp:
    """The first cluster time after one."""
    return Timestamp(time.time, time.inc + 1)
