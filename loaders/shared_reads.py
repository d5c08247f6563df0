"""Shared reads: identical reads of one process at one time run once (single flight)."""

import asyncio
from asyncio import Task
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final, TypeVar

_Answer = TypeVar("_Answer")

UNBOUNDED: Final = nullcontext()
"""As many slots as reads ask for."""

# Identical reads that run at once: one to share, and one for requests that find it too old.
_AT_ONCE = 2


@dataclass
class _Flight:
    deadline: float
    # Not begun: every request may share it.
    began: float = inf
    waiting: int = 0
    task: Task[Any] = field(init=False)

    def suits(self, oldest: float, shortest: float) -> bool:
        """Whether it began at `oldest` or later, or has not begun, and may run until `shortest`."""
        return self.began == inf or (self.began >= oldest and self.deadline >= shortest)


class SharedReads:
    """Shares reads among the requests of one process; belongs to one event loop.

    A request shares a read that began at most `seconds` before the request arrived, and whose
    deadline is at most `seconds` before the request's. At most two identical reads run; a third
    request that can share neither waits until one ends, and then starts a new read. With 0 seconds
    nothing is shared.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._flights: dict[Hashable, list[_Flight]] = {}

    async def read(
        self,
        key: Hashable,
        start: Callable[[float], Awaitable[_Answer]],
        *,
        arrived: float,
        deadline: float,
        slots: AbstractAsyncContextManager[None] = UNBOUNDED,
    ) -> _Answer:
        """The answer of `start`, or of a read in flight with the same key.

        All times are the event loop's. A read begins when it has one of the `slots`; every request
        that arrives before may share it.

        `start` gets the latest deadline of the requests that wait when it begins. A read that no
        request waits for is cancelled.
        """
        if not self._seconds:
            async with slots:
                return await start(deadline)
        flights = self._flights.setdefault(key, [])
        oldest, shortest = arrived - self._seconds, deadline - self._seconds
        flight = next((each for each in flights if each.suits(oldest, shortest)), None)
        if flight is None:
            flight = _Flight(deadline)
            before = [each for each in flights if each.waiting]
            flight.task = asyncio.create_task(self._fly(key, flight, before, slots, start))
            flight.task.add_done_callback(_retrieve)
            flights.append(flight)
        if flight.began == inf:
            flight.deadline = max(flight.deadline, deadline)
        flight.waiting += 1
        try:
            answer: _Answer = await asyncio.shield(flight.task)
            return answer
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # A cancelled read must not be joined before it has ended.
                flight.began = -inf
                flight.task.cancel()

    async def _fly(
        self,
        key: Hashable,
        flight: _Flight,
        before: list[_Flight],
        slots: AbstractAsyncContextManager[None],
        start: Callable[[float], Awaitable[_Answer]],
    ) -> _Answer:
        try:
            if len(before) >= _AT_ONCE:
                tasks = [each.task for each in before]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            async with slots:
                flight.began = asyncio.get_running_loop().time()
                return await start(flight.deadline)
        finally:
            flights = self._flights[key]
            flights.remove(flight)
            if not flights:
                del self._flights[key]


def _retrieve(task: "asyncio.Task[Any]") -> None:
    """Looks at a read's error: asyncio logs one that no request has waited for."""
    if not task.cancelled():
        task.exception()
