"""Admission: slots, a short queue, and fairness between callers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from errors import HeadcountError, Overloaded, TooManyRequests
from server.http import admission
from server.http import application as app
from server.http.admission import QUEUE, Admission
from server.metrics import PrometheusMetrics
from server.settings import Settings
from tests.conftest import client, token


class Operations:
    """Operations that run until they are told to end."""

    def __init__(self, slots: int) -> None:
        self.metrics = PrometheusMetrics()
        self.admission = Admission(slots, self.metrics)
        self.running = Counter[str]()
        self.refused = dict[str, list[type[HeadcountError]]]()
        self._tasks = dict["asyncio.Task[None]", tuple[str, asyncio.Event]]()

    async def start(self, caller: str, number: int = 1, cost: int = 0) -> None:
        for _ in range(number):
            ended = asyncio.Event()
            task = asyncio.create_task(self._run(caller, cost, ended))
            self._tasks[task] = (caller, ended)
        await self._settle()

    async def end(self, caller: str, number: int = 1) -> None:
        """Ends the running operations of a caller that began first."""
        for task, (of, ended) in [*self._tasks.items()]:
            if number and of == caller and not task.done() and not ended.is_set():
                ended.set()
                number -= 1
        await self._settle()

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def figure(self, name: str) -> float:
        found = [*self.metrics.registry.collect()]
        return sum(s.value for metric in found for s in metric.samples if s.name == name)

    async def _run(self, caller: str, cost: int, ended: asyncio.Event) -> None:
        try:
            with self.admission.present(caller):
                await self._admitted(caller, cost, ended)
        except HeadcountError as error:
            self.refused.setdefault(caller, []).append(type(error))

    async def _admitted(self, caller: str, cost: int, ended: asyncio.Event) -> None:
        async with self.admission.admitted(caller, cost):
            self.running[caller] += 1
            try:
                await ended.wait()
            finally:
                self.running[caller] -= 1

    async def _settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@asynccontextmanager
async def operations(slots: int) -> AsyncIterator[Operations]:
    made = Operations(slots)
    yield made
    await made.cancel()
    assert made.figure("headcount_operations_running") == 0
    assert made.figure("headcount_operations_waiting") == 0


async def test_operations_beyond_the_slots_wait_and_those_beyond_the_queue_are_refused() -> None:
    async with operations(4) as made:
        # A slot is left for other callers.
        await made.start("a", 3 + 4 * QUEUE)
        assert made.running == {"a": 3}
        assert made.refused == {}
        assert made.figure("headcount_operations_waiting") == 4 * QUEUE
        await made.start("a", 2)
        assert made.refused == {"a": [Overloaded] * 2}
        assert made.figure("headcount_operations_refused_total") == 2
        await made.end("a", 2)
        assert made.running == {"a": 3}
        assert made.figure("headcount_operations_waiting") == 4 * QUEUE - 2


async def test_a_single_slot_serves_one_after_the_other() -> None:
    async with operations(1) as made:
        await made.start("a", 2, cost=10**6)
        await made.start("b")
        assert made.running == {"a": 1}
        await made.end("a")
        # Callers that hold none are alike: the first to come is the first.
        assert made.running == {"a": 1}
        await made.end("a")
        assert made.running == {"a": 0, "b": 1}


async def test_a_second_caller_finds_a_slot_at_once() -> None:
    async with operations(8) as made:
        await made.start("flood", 40)
        assert made.running == {"flood": 6}
        await made.start("b", 2)
        assert made.running == {"flood": 6, "b": 1}
        await made.start("c")
        assert made.running == {"flood": 6, "b": 1, "c": 1}


async def test_while_another_caller_waits_a_caller_gets_half_of_the_slots() -> None:
    async with operations(8) as made:
        await made.start("flood", 30)
        for other in "bc":
            await made.start(other, 5)
        # Both wait with four operations.
        await made.end("flood", 6)
        assert made.running["flood"] <= 4
        assert made.running["b"] + made.running["c"] >= 4
        assert made.running["b"] >= 2
        assert made.running["c"] >= 2


async def test_the_caller_with_the_most_operations_makes_room_for_another() -> None:
    async with operations(4) as made:
        await made.start("flood", 3 + 4 * QUEUE)
        await made.start("b", 3)
        assert made.running == {"flood": 3, "b": 1}
        assert made.refused == {"flood": [TooManyRequests] * 2}
        await made.start("flood")
        assert made.refused == {"flood": [TooManyRequests] * 3}


async def test_an_expensive_operation_takes_several_slots() -> None:
    async with operations(16) as made:
        for number in range(4):
            await made.start(f"caller {number}", cost=600)
        # Twelve slots, in operations of four; four slots are for cheap ones.
        assert made.running.total() == 3
        await made.start("cheap")
        assert made.running["cheap"] == 1


async def test_an_expensive_operation_makes_room_for_a_cheap_one() -> None:
    async with operations(8) as made:
        for number in range(8 + 8 * QUEUE):
            await made.start(f"caller {number}", cost=0 if number < 8 else 5_000)
        await made.start("cheap", cost=1)
        assert [*made.refused.values()] == [[Overloaded]]
        assert "cheap" not in made.refused


async def test_an_operation_waits_two_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "WAIT_SECONDS", 0.01)
    async with operations(1) as made:
        await made.start("a")
        with pytest.raises(Overloaded, match="has waited"):
            async with made.admission.admitted("b", 0):
                pass
        assert made.running == {"a": 1}


async def test_operations_that_are_cancelled_leave_no_trace() -> None:
    async with operations(2) as made:
        await made.start("a", 5)
        await made.start("b", 5)
        await made.cancel()
        await made.start("c", 2)
        assert made.running["c"] == 2


async def test_refused_operations_say_when_to_come_again(
    server_settings: Settings, database: Any
) -> None:
    settings = server_settings.model_copy(update={"max_concurrency": 1})
    async with client(app.create(settings, database)) as http:

        async def post(number: int, caller: str) -> httpx.Response:
            response: httpx.Response = await http.post(
                "/graphql",
                json={"query": f"{{ a{number}: viewer {{ role }} }}"},
                headers={"authorization": f"Bearer {token(role='admin', sub=caller)}"},
            )
            return response

        first = [post(number, "flood") for number in range(20)]
        answers = await asyncio.gather(*first, *(post(20 + n, "other") for n in range(2)))
        statuses = Counter(each.status_code for each in answers)
        assert statuses.keys() <= {200, 429, 503}
        assert statuses[200] >= 1 + QUEUE
        assert {each.status_code for each in answers[-2:]} == {200}
        for refused in (each for each in answers if each.status_code != 200):
            assert refused.headers["retry-after"] in ("1", "5")
            (error,) = refused.json()["errors"]
            assert error["extensions"]["code"] in ("SERVICE_UNAVAILABLE", "TOO_MANY_REQUESTS")
            assert error["message"].endswith("Try again.")
        metrics = (await http.get("/metrics")).text
        assert 'headcount_operations_refused_total{reason="' in metrics


async def test_a_flooding_caller_is_refused_before_its_operation_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with operations(slots=2) as some:
        await some.start("flood", 2 + QUEUE * 2)
        refusal = some.admission.refusal
        assert isinstance(refusal("flood"), Overloaded)
        # Another caller's operation waits in place of one of the flood's.
        assert refusal("other") is None
        await some.start("other")
        assert isinstance(refusal("flood"), TooManyRequests)
        await some.end("flood")
        assert some.running["other"] == 1
        assert refusal("flood") is None
        # The queue is not full, but too slow.
        monkeypatch.setattr(admission, "WAIT_SECONDS", 0)
        assert isinstance(refusal("flood"), TooManyRequests)
        assert refusal("other") is None


async def test_requests_count_before_their_operations_are_read() -> None:
    async with operations(slots=2) as some:
        with ExitStack() as requests:
            for _ in range(2 * QUEUE):
                assert some.admission.refusal("burst") is None
                requests.enter_context(some.admission.present("burst"))
            assert isinstance(some.admission.refusal("burst"), Overloaded)
            assert some.admission.refusal("other") is None
        assert some.admission.refusal("burst") is None


async def test_requests_whose_body_is_not_there_yet_do_not_count(
    database: Any, server_settings: Settings
) -> None:
    settings = server_settings.model_copy(update={"max_concurrency": 1})
    callers = [f"slow {number}" for number in range(2 * QUEUE)]
    never, waiting = asyncio.Event(), asyncio.Barrier(len(callers) + 1)

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await waiting.wait()
        await never.wait()

    async with client(app.create(settings, database)) as http:

        async def send(caller: str, content: Any) -> int:
            headers = {
                "authorization": f"Bearer {token(sub=caller)}",
                "content-type": "application/json",
            }
            return (await http.post("/graphql", content=content, headers=headers)).status_code

        slow = [asyncio.create_task(send(caller, body())) for caller in callers]
        await waiting.wait()
        page = (send("page", b'{"query": "{ viewer { role } }"}') for _ in range(QUEUE))
        assert await asyncio.gather(*page) == [200] * QUEUE
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


async def test_an_early_refusal_is_answered_late(
    database: Any, server_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Admission, "refusal", lambda *_: Overloaded("The server is busy."))
    monkeypatch.setattr("server.http.operations.WAIT_SECONDS", 0.2)
    async with client(app.create(server_settings, database)) as http:
        http.headers["authorization"] = f"Bearer {token()}"
        began = asyncio.get_running_loop().time()
        # The body is no JSON: it is not read.
        response = await http.post("/graphql", content="{")
        assert asyncio.get_running_loop().time() - began >= 0.1
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        # Nothing else waits.
        assert (await http.get("/healthz")).json() == {"status": "ok"}
