"""The changes of a collection: read from its change stream, in batches of whole cluster times."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import bson
from bson import Timestamp
from bson.raw_bson import RawBSONDocument

from cubes.declaration import Stage
from rollups.keeper.cluster_time import MajorityClock, MajorityTime, next_cluster_time
from rollups.keeper.gap import Gap
from rollups.keeper.store import RAW, source_of
from rollups.layout.rollup import Rollup

WAIT_MS: Final = 200
"""How long MongoDB waits for a change before it answers that there is none."""
QUIET_SECONDS: Final = 0.4
"""How often an empty batch is yielded while nothing changes."""
TRANSACTION_BYTES: Final = 1_000_000
"""The most bytes of changes in one transaction, unless one cluster time has more.

The cells that they make are several times as large, and take several times that in MongoDB's cache.
In the smallest cache, 256 MB, twice as many bytes succeed.
"""

_BATCH_SIZE: Final = 2_000
_IMAGES: Final = ("fullDocument", "fullDocumentBeforeChange")
_OPERATIONS: Final = frozenset({"insert", "update", "replace", "delete"})


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes, and the time up to which they are complete; no changes if nothing changed."""

    changes: Sequence[RawBSONDocument]
    until: MajorityTime

    @property
    def size(self) -> int:
        """The bytes of all changes."""
        return sum(len(change.raw) for change in self.changes)

    def check_order(self, position: Timestamp) -> None:
        """Raises `Gap` unless the changes are in order, after `position` and not after `until`."""
        times = [change["clusterTime"] for change in self.changes]
        if times and not (
            position < times[0] and times == sorted(times) and times[-1] <= self.until.cluster_time
        ):
            raise Gap(
                f"changes from {times[0]} to {times[-1]} came after {position} and were to be "
                f"applied as of {self.until.cluster_time}"
            )

    def transactions(self) -> Iterator["ChangeBatch"]:
        """The batch in parts of at most `TRANSACTION_BYTES`; one cluster time is never parted."""
        part: list[RawBSONDocument] = []
        size = 0
        for _, group in groupby(self.changes, lambda change: change["clusterTime"]):
            changes = [*group]
            size += (added := sum(len(change.raw) for change in changes))
            if part and size > TRANSACTION_BYTES:
                yield ChangeBatch(part, _time_of(part[-1]))
                part, size = [], added
            part += changes
        yield ChangeBatch(part, self.until)


async def batches(
    rollup: Rollup, position: Timestamp, *selection: Stage
) -> AsyncGenerator[ChangeBatch]:
    """The changes after `position`, for ever; only some if stages select them.

    All changes of one cluster time, as those of a transaction, are in one batch. Raises `Gap` if
    the collection is dropped or renamed, and `PrimaryChanged`.
    """
    source = source_of(rollup)
    clock = MajorityClock(source.database)
    # Before and after the stream is opened: it is opened on the primary that the clock asks.
    await clock.now()
    cursor: Any = await source.aggregate_raw_batches(
        _pipeline(rollup, position, selection), maxAwaitTimeMS=WAIT_MS, batchSize=_BATCH_SIZE
    )
    loop = asyncio.get_running_loop()
    yielded_at = 0.0
    # Changes of the last cluster time, of which more may come.
    pending: list[RawBSONDocument] = []
    async with cursor:
        while True:
            # Asked before the stream: an empty answer is complete up to this time.
            now = await clock.now()
            data = await cursor.try_next()
            if not data:
                if not cursor.alive:
                    raise Gap("the collection's change stream ended")
                if pending or loop.time() - yielded_at >= QUIET_SECONDS:
                    yielded_at = loop.time()
                    # The clock can be behind the stream by a moment.
                    times = [now, *map(_time_of, pending[-1:])]
                    yield ChangeBatch(pending, max(times, key=lambda time: time.cluster_time))
                pending = []
                continue
            changes = pending + bson.decode_all(data, RAW)
            for change in changes:
                if change["operationType"] not in _OPERATIONS:
                    raise Gap(f"the collection saw a {change['operationType']}")
            last = changes[-1]["clusterTime"]
            complete = [change for change in changes if change["clusterTime"] != last]
            pending = changes[len(complete) :]
            if complete:
                yield ChangeBatch(complete, _time_of(complete[-1]))


def _pipeline(rollup: Rollup, position: Timestamp, selection: Sequence[Stage]) -> list[Stage]:
    """A change stream with the fields of both images that the rollup's cubes read."""
    start = next_cluster_time(position)
    return [
        {"$changeStream": {"startAtOperationTime": start, **dict.fromkeys(_IMAGES, "required")}},
        *selection,
        {
            "$project": dict.fromkeys(("operationType", "clusterTime", "wallTime"), 1)
            | {f"{image}.{name}": 1 for image in _IMAGES for name in rollup.fields}
        },
    ]


def _time_of(change: RawBSONDocument) -> MajorityTime:
    # Change streams only return changes that a majority has.
    return MajorityTime(change["clusterTime"], change["wallTime"])
