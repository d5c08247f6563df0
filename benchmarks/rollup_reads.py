"""Dashboards read from rollups against the same counted live, over HTTP."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from benchmarks.http.cannon import Question, fire
from benchmarks.http.servers import HEADCOUNT, Server, running
from benchmarks.operations import EVENT_STATS, ORDER_STATS, Operation
from benchmarks.replay import Disagreement
from benchmarks.report import verdict
from errors import StartupError
from server.settings import PREFIX, Settings

CALLS: Final[Mapping[str, float]] = {
    "eventsOverview": 5,
    ORDER_STATS: 5,
    "promoCodeStats": 5,
    EVENT_STATS: 15,
}
"""Call → the largest median, in milliseconds."""
FASTER: Final = 50
_APART: Final = 0.2

_FRESHNESS: Final = "{ freshness { cube source } }"
_CUBES: Final = frozenset({"tickets", "promo tickets", "orders", "promo codes"})
_BUILD_SECONDS: Final = 600
_LIVE_ANSWERS: Final = 3


@dataclass(frozen=True)
class Reads:
    """The median milliseconds of each round: read from rollups, and counted live."""

    rolled_up: Sequence[float]
    live: Sequence[float]


def measure(
    uri: str, sizes: Sequence[Settings], rounds: int, answers: int
) -> Sequence[Mapping[str, Reads]]:
    """For each database, call → its reads; raises `Disagreement`.

    The servers are asked in turn, as the machine is not equally fast at all times.
    """
    on = {f"{PREFIX}ROLLUPS": "on"}
    with ExitStack() as stack:
        servers = [
            (
                stack.enter_context(running("Headcount", HEADCOUNT, uri, settings, on)),
                stack.enter_context(running("Headcount, live", HEADCOUNT, uri, settings)),
            )
            for settings in sizes
        ]
        for rolled_up, _ in servers:
            wait_until_fresh(rolled_up)
        found: list[dict[str, Reads]] = [{} for _ in sizes]
        for call in CALLS:
            question = Question(Operation(call, ()).text)
            for rolled_up, live in servers:
                if _answer(rolled_up, question) != _answer(live, question):
                    raise Disagreement(f"{call}: rollups and live counts give different answers.")
            runs = [[_p50s(each, question, answers) for each in servers] for _ in range(rounds)]
            for reads, of_size in zip(found, zip(*runs, strict=True), strict=True):
                rolled_ups, lives = zip(*of_size, strict=True)
                reads[call] = Reads(rolled_ups, lives)
        return found


def _p50s(servers: tuple[Server, Server], question: Question, answers: int) -> tuple[float, float]:
    rolled_up, live = servers
    return (
        fire(rolled_up, question, connections=1, amount=answers).p50,
        fire(live, question, connections=1, amount=_LIVE_ANSWERS).p50,
    )


def wait_until_fresh(server: Server, read: Collection[str] = _CUBES) -> None:
    """Waits until these cubes are read from rollups; raises `StartupError`."""
    limit = time.monotonic() + _BUILD_SECONDS
    while time.monotonic() < limit:
        cubes = _answer(server, Question(_FRESHNESS))["freshness"]
        if {each["cube"] for each in cubes if each["source"] == "ROLLUP"}.issuperset(read):
            return
        time.sleep(0.2)
    raise StartupError(f"The cells were not built within {_BUILD_SECONDS} s.")


def _answer(server: Server, question: Question) -> Any:
    with server.client() as client:
        response = client.post("/graphql", json={"query": question.text})
    answer = response.json()
    if "errors" in answer:
        raise Disagreement(f"{server.name} gives no answer: {response.text[:500]}")
    return answer["data"]


def lines(tickets: int, found: Mapping[str, Reads]) -> Iterator[str]:
    """A line for each operation."""
    for call, reads in found.items():
        rolled_up, live = median(reads.rolled_up), median(reads.live)
        at_most, times = CALLS[call], live / rolled_up
        yield (
            f"{tickets:,} tickets, `{call}`: p50 {rolled_up:.1f} ms ({min(reads.rolled_up):.1f}–"
            f"{max(reads.rolled_up):.1f}), at most {at_most}: {verdict(rolled_up <= at_most)}; "
            f"live {live:,.0f} ms = {times:.0f} ×, at least {FASTER}: {verdict(times >= FASTER)}"
        )


def apart(few: Mapping[str, Reads], many: Mapping[str, Reads]) -> Iterator[str]:
    """A line for each operation: the ratio of its medians with much and with little data."""
    for call, reads in few.items():
        ratio = median(b / a for a, b in zip(reads.rolled_up, many[call].rolled_up, strict=True))
        yield (
            f"`{call}` of much data ÷ of less: {ratio:.2f}, within {_APART:.0%}: "
            f"{verdict(abs(ratio - 1) <= _APART)}"
        )
