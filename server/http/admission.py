"""Admission: how many operations run at once, which ones wait, and which are refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from errors import HeadcountError, Overloaded, TooManyRequests
from server.metrics import PrometheusMetrics

WAIT_SECONDS: Final = 2.0
"""How long an operation waits for its slots."""
QUEUE: Final = 4
"""How many operations may wait, as a multiple of the slots."""

_COST_OF_SLOT: Final = 200


@dataclass(eq=False, slots=True)
class _Operation:
    caller: str
    weight: int
    outcome: "asyncio.Future[HeadcountError | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Admission:
    """The slots of the operations of one process.

    An operation takes a slot, and one more for each 200 of its cost, up to a quarter of all.
    Operations without slots wait, up to 2 s. Callers that hold the fewest slots come first.

    - While another caller waits, a caller gets no more than half of the slots.
    - A quarter of the slots is only for operations of one slot, of callers that hold none.
    - Where too many wait, the caller with the most loses its last one. If callers have as many, the
      operation with the most slots is refused.
    """

    def __init__(self, slots: int, metrics: PrometheusMetrics) -> None:
        self.slots = slots
        self._metrics = metrics
        self._waiting: list[_Operation] = []
        self._running: set[_Operation] = set()

    @asynccontextmanager
    async def admitted(self, caller: str, cost: int) -> AsyncIterator[None]:
        """Holds slots for an operation of a caller.

        Raises `Overloaded`, or `TooManyRequests` if the caller itself has the most operations.
        """
        weight = min(1 + cost // _COST_OF_SLOT, max(1, self.slots // 4))
        one = _Operation(caller, weight)
        self._waiting.append(one)
        try:
            self._admit()
            if len(self._waiting) > QUEUE * self.slots:
                self._refuse_one()
            if (error := await self._outcome(one)) is not None:
                raise error
            yield
        finally:
            with suppress(ValueError):
                self._waiting.remove(one)
            self._running.discard(one)
            self._admit()

    async def _outcome(self, one: _Operation) -> HeadcountError | None:
        """Why the operation is refused; None if it has its slots."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await one.outcome
        except TimeoutError:
            self._metrics.operations_refused.labels("wait").inc()
            return Overloaded(
                f"The server is busy: the operation has waited {WAIT_SECONDS:g} s. Try again."
            )

    def _admit(self) -> None:
        """Gives slots to all operations that may have some."""
        admitted: _Operation | None = None
        while self._waiting and (admitted := self._next()) is not None:
            self._waiting.remove(admitted)
            self._running.add(admitted)
            if not admitted.outcome.done():
                admitted.outcome.set_result(None)
        self._metrics.operations_running.set(len(self._running))
        self._metrics.operations_waiting.set(len(self._waiting))

    def _next(self) -> _Operation | None:
        held = Counter[str]()
        for each in self._running:
            held[each.caller] += each.weight
        callers = {each.caller for each in self._waiting}
        free = self.slots - held.total()
        for one in sorted(self._waiting, key=lambda each: held[each.caller]):
            reserved = self.slots // 4 if held[one.caller] or one.weight > 1 else 0
            share = self.slots / 2 if len(callers) > 1 and held[one.caller] else self.slots
            if one.weight <= free - reserved and held[one.caller] + one.weight <= share:
                return one
        return None

    def _refuse_one(self) -> None:
        of_caller = Counter(each.caller for each in self._waiting)
        one = max(reversed(self._waiting), key=lambda each: (of_caller[each.caller], each.weight))
        self._waiting.remove(one)
        error: HeadcountError
        if len(of_caller) > 1 and of_caller[one.caller] > 1:
            self._metrics.operations_refused.labels("caller").inc()
            error = TooManyRequests("Too many operations of this caller are waiting. Try again.")
        else:
            self._metrics.operations_refused.labels("queue").inc()
            error = Overloaded("The server is busy: too many operations are waiting. Try again.")
        if not one.outcome.done():
            one.outcome.set_result(error)
