"""Admission: how many operations run at once, which ones wait, and which are refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
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
    since: float
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
        # Caller → its waiting operations, oldest first; no caller without any.
        self._waiting: dict[str, list[_Operation]] = {}
        self._running: set[_Operation] = set()
        # Caller → its requests, whether they are read, wait or run; no caller without any.
        self._present = Counter[str]()
        self._held = Counter[str]()

    def refusal(self, caller: str) -> HeadcountError | None:
        """Why an operation of this caller would not get slots in time; None if it may.

        To ask costs less than to read, parse and measure the operation. It would not if the caller
        has the most requests of all, and too many have no slots, or the caller's oldest operation
        has waited for half of the time already.
        """
        own = self._present[caller]
        if not own or own < max(self._present.values()):
            return None
        waiting = self._waiting.get(caller)
        waited = asyncio.get_running_loop().time() - waiting[0].since if waiting else 0
        without_slots = self._present.total() - len(self._running)
        if without_slots < QUEUE * self.slots and waited < WAIT_SECONDS / 2:
            return None
        return self._refusal(own, len(self._present))

    @contextmanager
    def present(self, caller: str) -> Iterator[None]:
        """Counts a request of a caller from before its operation is parsed until it is answered.

        Of many that arrive together, most are then refused before they take time and memory.
        """
        self._present[caller] += 1
        try:
            yield
        finally:
            self._present[caller] -= 1
            if not self._present[caller]:
                del self._present[caller]

    @asynccontextmanager
    async def admitted(self, caller: str, cost: int) -> AsyncIterator[None]:
        """Holds slots for an operation of a caller.

        Raises `Overloaded`, or `TooManyRequests` if the caller itself has the most operations.
        """
        weight = min(1 + cost // _COST_OF_SLOT, max(1, self.slots // 4))
        one = _Operation(caller, weight, asyncio.get_running_loop().time())
        self._waiting.setdefault(caller, []).append(one)
        try:
            self._admit()
            if self._number_waiting() > QUEUE * self.slots:
                self._refuse_one()
            if (error := await self._outcome(one)) is not None:
                raise error
            yield
        finally:
            self._end(one)
            self._admit()

    def _number_waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

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
        while self._waiting and (admitted := self._next()) is not None:
            self._leave(admitted)
            self._running.add(admitted)
            self._held[admitted.caller] += admitted.weight
            if not admitted.outcome.done():
                admitted.outcome.set_result(None)
        self._metrics.operations_running.set(len(self._running))
        self._metrics.operations_waiting.set(self._number_waiting())

    def _end(self, one: _Operation) -> None:
        """Takes an operation away, whether it waits, runs or was refused."""
        if one in self._running:
            self._running.discard(one)
            self._held[one.caller] -= one.weight
            if not self._held[one.caller]:
                del self._held[one.caller]
        elif one in self._waiting.get(one.caller, ()):
            self._leave(one)

    def _leave(self, one: _Operation) -> None:
        """Takes an operation out of the queue."""
        waiting = self._waiting[one.caller]
        waiting.remove(one)
        if not waiting:
            del self._waiting[one.caller]

    def _next(self) -> _Operation | None:
        """The operation that gets slots next; None if none may have some."""
        free, reserved = self.slots - self._held.total(), self.slots // 4
        for caller in sorted(self._waiting, key=self._held.__getitem__):
            held = self._held[caller]
            share = self.slots / 2 if len(self._waiting) > 1 and held else self.slots
            most = min(free - reserved, share - held)
            for one in self._waiting[caller]:
                if one.weight <= most or (one.weight == 1 and not held and free):
                    return one
                if most < 1 and held:
                    break
        return None

    def _refuse_one(self) -> None:
        """Refuses the heaviest of the last operations of the caller with the most."""
        callers = reversed(self._waiting.values())
        waiting = max(callers, key=lambda own: (len(own), max(one.weight for one in own)))
        one = max(reversed(waiting), key=lambda each: each.weight)
        error = self._refusal(len(waiting), len(self._waiting))
        self._leave(one)
        if not one.outcome.done():
            one.outcome.set_result(error)

    def _refusal(self, own: int, callers: int) -> HeadcountError:
        """The error of an operation whose caller has the most, `own`, of those of all callers."""
        if own > 1 and callers > 1:
            self._metrics.operations_refused.labels("caller").inc()
            return TooManyRequests("Too many operations of this caller are waiting. Try again.")
        self._metrics.operations_refused.labels("queue").inc()
        return Overloaded("The server is busy: too many operations are waiting. Try again.")
