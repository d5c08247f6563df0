"""Reads of levels by running servers, as `headcount rollups status` shows them.

Each server has a document `{_id, started_at, seen_at, reads: [{level, number}]}` in
`headcount_rollup_reads` until a minute after its end.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

import structlog
from pymongo.errors import PyMongoError

from cancelling import cancel
from cubes.expressions import Expression
from errors import first_words
from rollups.keeper.store import RollupStore

_READS: Final = "headcount_rollup_reads"
_RECORD_SECONDS: Final = 2.0
_MINUTE_AGO: Final[Expression] = {"$subtract": ["$$NOW", 60_000]}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RecordedReads:
    """The reads of running servers: when each started, the earliest first; level's name → reads."""

    started_at: Sequence[datetime]
    by_level: Mapping[str, int]


async def recorded(store: RollupStore) -> RecordedReads:
    """The reads of the servers that were seen in the last minute."""
    started_at, by_level = list[datetime](), Counter[str]()
    seen = {"$expr": {"$gte": ["$seen_at", _MINUTE_AGO]}}
    async for server in store.database[_READS].find(seen):
        started_at.append(server["started_at"])
        by_level.update({each["level"]: each["number"] for each in server["reads"]})
    return RecordedReads(sorted(started_at), by_level)


@asynccontextmanager
async def recording(store: RollupStore, reads: Mapping[str, int]) -> AsyncIterator[None]:
    """Records a server's reads (level's name → number) every 2 s until the context is left.

    Logs the first failure, and goes on.
    """
    recorder = asyncio.create_task(_record(store, reads))
    try:
        yield
    finally:
        await cancel(recorder)


async def _record(store: RollupStore, reads: Mapping[str, int]) -> None:
    servers, own, logged = store.database[_READS], {"_id": uuid4().hex}, False
    while True:
        by_level = [{"level": level, "number": number} for level, number in reads.items()]
        values = {
            "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
            "seen_at": "$$NOW",
            "reads": {"$literal": by_level},
        }
        try:
            await servers.update_one(own, [{"$set": values}], upsert=True)
            await servers.delete_many({"$expr": {"$lt": ["$seen_at", _MINUTE_AGO]}})
        except PyMongoError as error:
            if not logged:
                _log.warning("reads of rollups are not recorded", reason=first_words(error))
            logged = True
        await asyncio.sleep(_RECORD_SECONDS)
