"""Single flight: a request shares a read in flight that started recently enough."""

import asyncio
import gc
from asyncio import Event, Task, create_task
from collections import Counter
from traceback import walk_tb

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from cubes.cube import Slice
from loaders.loader import Loader
from loaders.shared_reads import SharedReads
from resolvers.events_overview import EventsOverview
from resolvers.order_stats import OrderStats
from tests.conftest import Sent
from tests.strategies import NOW


class Reads:
    """Shared reads that a test ends one by one."""

    def __init__(self, seconds: float = 0.25) -> None:
        self.shared = SharedReads(seconds)
        self.deadlines: list[float] = []
        self.cancelled = 0
        self._ends: list[Event] = []
        self.failing: set[int] = set()

    async def _start(self, deadline: float) -> str:
        number = len(self._ends)
        self.deadlines.append(deadline)
        self._ends.append(Event())
        try:
            await self._ends[number].wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if number in self.failing:
            raise ValueError(f"read {number}")
        return f"read {number}"

    def ask(self, late: float = 0, key: object = "key", deadline: float = 0) -> "Task[str]":
        """A request that arrives `late` seconds from now."""
        arrived = asyncio.get_running_loop().time() + late
        return create_task(self.shared.read(key, self._start, arrived=arrived, deadline=deadline))

    async def started(self) -> int:
        """The number of reads started so far, after all ready tasks have run."""
        for _ in range(10):
            await asyncio.sleep(0)
        return len(self._ends)

    def end(self, number: int) -> None:
        self._ends[number].set()


async def test_a_request_soon_after_the_start_shares_the_read() -> None:
    reads = Reads()
    tasks = [reads.ask(), reads.ask(0.1)]
    assert await reads.started() == 1
    tasks.append(reads.ask(0.2))
    assert await reads.started() == 1
    reads.end(0)
    assert await asyncio.gather(*tasks) == ["read 0"] * 3


async def test_a_late_request_starts_a_second_read_and_later_ones_share_the_next() -> None:
    reads = Reads()
    first = reads.ask()
    assert await reads.started() == 1
    second = reads.ask(0.3)
    assert await reads.started() == 2
    # Both reads are too old for these requests. They share the next, whenever it starts.
    waiting = [reads.ask(late) for late in (10, 11, 12)]
    assert await reads.started() == 2
    reads.end(1)
    assert await second == "read 1"
    assert await reads.started() == 3
    reads.end(2)
    assert await asyncio.gather(*waiting) == ["read 2"] * 3
    reads.end(0)
    assert await first == "read 0"


async def test_at_most_two_reads_of_a_key_run_at_once() -> None:
    reads = Reads()
    tasks = []
    for late in range(0, 20, 2):
        tasks.append(reads.ask(late))
        assert await reads.started() <= 2
    for number in range(3):
        reads.end(number)
        assert await reads.started() <= number + 3
    assert Counter(await asyncio.gather(*tasks)) == {"read 0": 1, "read 1": 1, "read 2": 8}


async def test_a_finished_read_is_not_shared() -> None:
    reads = Reads()
    for number in range(3):
        task = reads.ask()
        await reads.started()
        reads.end(number)
        assert await task == f"read {number}"
    assert reads.shared._flights == {}


async def test_different_keys_have_different_reads() -> None:
    reads = Reads()
    tasks = [reads.ask(key=key) for key in ("a", "b", ("a", 1))]
    assert await reads.started() == 3
    for number in range(3):
        reads.end(number)
    assert await asyncio.gather(*tasks) == ["read 0", "read 1", "read 2"]


async def test_with_zero_seconds_nothing_is_shared() -> None:
    reads = Reads(0)
    tasks = [reads.ask() for _ in range(3)]
    assert await reads.started() == 3
    for number in range(3):
        reads.end(number)
    assert await asyncio.gather(*tasks) == ["read 0", "read 1", "read 2"]


async def test_all_requests_of_a_read_get_its_error_and_the_next_request_starts_anew() -> None:
    reads = Reads()
    reads.failing = {0}
    tasks = [reads.ask(), reads.ask()]
    await reads.started()
    reads.end(0)
    for task in tasks:
        with pytest.raises(ValueError, match="read 0"):
            await task
    again = reads.ask()
    assert await reads.started() == 2
    reads.end(1)
    assert await again == "read 1"


async def test_a_read_is_cancelled_once_no_request_waits_for_it() -> None:
    reads = Reads()
    first, second = reads.ask(), reads.ask()
    await reads.started()
    first.cancel()
    await reads.started()
    assert reads.cancelled == 0
    second.cancel()
    # A request at this point does not join the read that is being cancelled.
    third = reads.ask()
    assert await reads.started() == 2
    assert reads.cancelled == 1
    reads.end(1)
    assert await third == "read 1"
    assert reads.shared._flights == {}


async def test_an_error_that_no_request_waits_for_is_not_logged() -> None:
    logged: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda *found: logged.append(found))
    began = asyncio.Event()

    async def start(_: float) -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ConnectionError("the connection broke at the same time") from None

    reads = SharedReads(1)
    request = asyncio.create_task(reads.read("key", start, arrived=0, deadline=60))
    await began.wait()
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    await asyncio.sleep(0.01)
    # It refers to the read.
    del request
    gc.collect()
    assert logged == []


async def test_a_next_read_without_requests_never_starts() -> None:
    reads = Reads()
    tasks = [reads.ask()]
    await reads.started()
    tasks.append(reads.ask(1))
    await reads.started()
    gone = reads.ask(10)
    await reads.started()
    gone.cancel()
    await reads.started()
    later = reads.ask(10)
    assert await reads.started() == 2
    reads.end(0)
    assert await reads.started() == 3
    for number in (1, 2):
        reads.end(number)
    assert await asyncio.gather(*tasks, later) == ["read 0", "read 1", "read 2"]


async def test_a_read_has_the_latest_deadline_of_the_requests_that_wait_at_its_start() -> None:
    reads = Reads()
    reads.ask(deadline=5)
    await reads.started()
    reads.ask(1, deadline=6)
    await reads.started()
    reads.ask(10, deadline=15)
    reads.ask(12, deadline=17)
    reads.ask(11, deadline=16)
    await reads.started()
    reads.end(0)
    assert await reads.started() == 3
    assert reads.deadlines == [5, 6, 17]
    reads.end(1)
    reads.end(2)
    await reads.started()


async def test_a_request_with_a_later_deadline_than_the_read_starts_another() -> None:
    reads = Reads()
    tasks = [reads.ask(deadline=5)]
    assert await reads.started() == 1
    tasks.append(reads.ask(0.1, deadline=5.2))
    assert await reads.started() == 1
    tasks.append(reads.ask(0.1, deadline=6))
    assert await reads.started() == 2
    tasks.append(reads.ask(0.1, deadline=6.2))
    assert await reads.started() == 2
    for number in (0, 1):
        reads.end(number)
    assert await asyncio.gather(*tasks) == ["read 0"] * 2 + ["read 1"] * 2
    assert reads.deadlines == [5, 6]


async def test_a_shared_failure_has_the_same_traceback_depth_for_each_request(
    database: AsyncDatabase[dict[str, object]], sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slice, "pipeline", lambda _: [{"$nonsense": 1}])
    shared = SharedReads(60)
    sent.commands.clear()
    requests = await asyncio.gather(
        *(
            OrderStats.load(["total_orders"], Loader({}, timeout=30, shared=shared))
            for _ in range(10)
        )
    )
    assert sent.to("ticket_orders") == 1
    depths = set[int]()
    for stats in requests * 3:
        with pytest.raises(OperationFailure) as failure:
            _ = stats.total_orders
        depths.add(len([*walk_tb(failure.value.__traceback__)]))
    assert len(depths) == 1


async def test_requests_share_identical_aggregations(
    database: AsyncDatabase[dict[str, object]], sent: Sent
) -> None:
    shared = SharedReads(60)

    def request(threshold: int) -> Loader:
        variables = {"now": NOW, "low_stock_threshold": threshold}
        return Loader(variables, timeout=30, shared=shared)

    sent.commands.clear()
    await asyncio.gather(
        *(OrderStats.load(["total_orders"], request(number)) for number in range(5)),
        OrderStats.load(["by_gateway"], request(0)),
    )
    # Only the request with another selection sends another aggregation.
    assert sent.to("ticket_orders") == 2


async def test_requests_at_different_times_share_aggregations_without_now(
    database: AsyncDatabase[dict[str, object]], sent: Sent
) -> None:
    shared = SharedReads(60)
    sent.commands.clear()
    await asyncio.gather(
        *(
            EventsOverview.load(
                fields, Loader({"now": NOW.replace(year=year)}, timeout=30, shared=shared)
            )
            for year in (2025, 2026)
            for fields in (["upcoming_events"], ["total_tickets_sold"])
        )
    )
    assert sent.to("events") == 2
    assert sent.to("tickets") == 1
