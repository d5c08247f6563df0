"""Reads in flight: who asks for the same at the same time shares one answer."""

import asyncio
from asyncio import Task
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

_Answer = TypeVar("_Answer")

# Of the same read: one that all share, and one for those who find it too old.
_AT_ONCE = 2


@dataclass
class _Flight:
    deadline: float
    # Not yet: whoever shares it now is not too late.
    began: float = inf
    waiting: int = 0
    task: Task[Any] = field(init=False)

    def suits(self, oldest: float, shortest: float) -> bool:
        """Whether it began late enough, or has not yet, and may take long enough."""
        return self.began == inf or (self.began >= oldest and self.deadline >= shortest)


class SharedReads:
    """Shares reads among the requests of one process; belongs to one event loop.

    A request shares a read that began no more than `seconds` before the request arrived, and that
    may take until `seconds` before its own deadline. Where two are in flight and it can share
    neither, it shares the next, which begins when one of them ends. With 0 seconds nothing is
    shared.
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
    ) -> _Answer:
        """What `start` answers, or another of the same key did; all times are the event loop's.

        `start` is given the deadline of the last of those that wait when it begins. A read that
        nobody waits for any more is cancelled.
        """
        if not self._seconds:
            return await start(deadline)
        flights = self._flights.setdefault(key, [])
        oldest, shortest = arrived - self._seconds, deadline - self._seconds
        flight = next((each for each in flights if each.suits(oldest, shortest)), None)
        if flight is None:
            flight = _Flight(deadline)
            before = [each for each in flights if each.waiting]
            flight.task = asyncio.create_task(self._fly(key, flight, before, start))
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
                # Nobody is to join it before it has ended.
                flight.began = -inf
                flight.task.cancel()

    async def _fly(
        self,
        key: Hashable,
        flight: _Flight,
        before: list[_Flight],
        start: Callable[[float], Awaitable[_Answer]],
    ) -> _Answer:
        try:
            if len(before) >= _AT_ONCE:
                tasks = [each.task for each in before]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            flight.began = asyncio.get_running_loop().time()
            return await start(flight.deadline)
        finally:
            flights = self._flights[key]
            flights.remove(flight)
            if not flights:
                del self._flights[key]
