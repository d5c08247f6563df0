"""The report of the HTTP benchmark: a table, and the acceptance criteria."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from statistics import median
from typing import Final

from benchmarks.http.cannon import Run
from benchmarks.operations import EVENT_STATS, ORDER_STATS
from benchmarks.report import verdict

HEADCOUNT: Final = "Headcount"
UNCOMPILED: Final = "Headcount, compiled off"
UNSHARED: Final = "Headcount, no shared reads"
MERCURIUS: Final = "mercurius, jit"
YOGA: Final = "GraphQL Yoga"
REST: Final = "the reference's REST"

_COMPILED_AT_LEAST: Final = 2.5
_OF_MERCURIUS: Final = 0.5
_EXECUTION_AT_LEAST: Final = 15

Runs = Mapping[str, Sequence[Run]]
"""Contender → its runs, one per round."""

Measured = Mapping[str, Runs]
"""Call → runs."""


def short(call: str) -> str:
    """A call without its id."""
    return re.sub(r'"\w+"', "…", call)


def table(measured: Measured) -> str:
    """A Markdown table with a row for each operation and contender."""
    heads = [
        "operation", "contender", "requests/s", "p50 ms", "p99 ms", "CPU ms a request",
        "requests/s ÷ Headcount's", "CPU ÷ Headcount's",
    ]  # fmt: skip
    rows = [
        [
            f"`{short(call)}`",
            contender,
            _cell([run.rate for run in each]),
            f"{_median(each, _p50):.1f}",
            f"{_median(each, _p99):.1f}",
            _cell([run.cpu for run in each], places=2),
            _ratio(each, runs[HEADCOUNT], _rate),
            _ratio(each, runs[HEADCOUNT], _cpu),
        ]
        for call, runs in measured.items()
        for contender, each in runs.items()
    ]
    ruler = ["---", "---", *["--:"] * (len(heads) - 2)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ruler, *rows))


def acceptance(measured: Measured, execution: tuple[float, float]) -> Iterator[str]:
    """Yields a line for each acceptance criterion, by the medians.

    `execution` is the CPU time in milliseconds of executing `eventStats` alone, without and with
    compilation.
    """
    events = measured[EVENT_STATS]
    off, on = (_median(events[name], _cpu) for name in (UNCOMPILED, HEADCOUNT))
    factor = off / on if on else 0
    yield (
        f"`{EVENT_STATS}`, CPU a request, compiled off ÷ on: {off:.1f} ms ÷ {on:.1f} ms = "
        f"{factor:.2f}, at least {_COMPILED_AT_LEAST}: {verdict(factor >= _COMPILED_AT_LEAST)}"
    )
    for peer in (MERCURIUS, YOGA):
        yield _ahead(EVENT_STATS, events, peer, 1)
    for call, runs in measured.items():
        if call.startswith("event(") or call == ORDER_STATS:
            yield _ahead(call, runs, MERCURIUS, _OF_MERCURIUS)
            yield _ahead(call, runs, YOGA, 1)
    uncompiled, compiled = execution
    factor = uncompiled / compiled
    yield (
        f"`{EVENT_STATS}`, executing it alone, compiled off ÷ on: {uncompiled:.1f} ms ÷ "
        f"{compiled:.2f} ms = {factor:.1f}, at least {_EXECUTION_AT_LEAST}: "
        f"{verdict(factor >= _EXECUTION_AT_LEAST)}"
    )


def _ahead(call: str, runs: Runs, peer: str, least: float) -> str:
    shared, alone, others = (_median(runs[name], _rate) for name in (HEADCOUNT, UNSHARED, peer))
    criterion = "ahead" if least == 1 else f"at least {least} ×"
    met = shared > others if least == 1 else shared >= least * others
    return (
        f"`{short(call)}`, requests/s ÷ {peer}'s: {shared / others:.2f} "
        f"({alone / others:.2f} without shared reads), {criterion}: {verdict(met)}"
    )


_Of = Callable[[Run], float]
_rate, _p50, _p99, _cpu = map(attrgetter, ("rate", "p50", "p99", "cpu"))


def _median(runs: Sequence[Run], of: _Of) -> float:
    return median(map(of, runs))


def _cell(rounds: Sequence[float], places: int = 1) -> str:
    middle, least, most = (f"{f(rounds):,.{places}f}" for f in (median, min, max))
    return f"{middle} ({least}–{most})"


def _ratio(runs: Sequence[Run], headcount: Sequence[Run], of: _Of) -> str:
    below = _median(headcount, of)
    return f"{_median(runs, of) / below:.2f}" if below else "–"
