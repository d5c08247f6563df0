"""Moments of a replica set: cluster times, and what the clock of its server says then."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import Timestamp
from pymongo.asynchronous.database import AsyncDatabase


@dataclass(frozen=True, slots=True)
class Moment:
    """A cluster time that a majority has, and the server's clock then."""

    time: Timestamp
    at: datetime


async def moment(database: AsyncDatabase[dict[str, Any]]) -> Moment:
    """Now."""
    hello = await database.command("hello")
    at: datetime = hello["localTime"]
    return Moment(hello["lastWrite"]["majorityOpTime"]["ts"], at.replace(tzinfo=UTC))


def after(time: Timestamp) -> Timestamp:
    """The first cluster time after one."""
    return Timestamp(time.time, time.inc + 1)
