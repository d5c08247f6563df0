"""The report: from times to a table, and what of the acceptance is met."""

import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Final

from benchmarks.operations import EVENT_STATS, ORDER_STATS, TOTAL, UNIQUE

HEADCOUNT = "Headcount"
HTTP = "Headcount over HTTP"
BARE = "(a) its bare `$group`s"
ONE_BY_ONE = "(a) one by one"
REFERENCE = "(b) the reference's way"
PLAIN = "(b) on plain dicts"
REFERENCES = (REFERENCE, PLAIN)
_CONTENDERS = (HEADCOUNT, HTTP, BARE, ONE_BY_ONE, *REFERENCES)

# Call → at most so many times (a) and so many milliseconds; so many times faster than (b).
_ASKED: Final[Mapping[str, tuple[float, float, float | None]]] = {
    EVENT_STATS: (1.25, 60, 1.8),
    ORDER_STATS: (1.15, 15, None),
    TOTAL: (1.1, 50, 4),
    UNIQUE: (1.1, 50, 4),
}

Times = Mapping[str, Sequence[float]]
"""Contender → milliseconds of each round."""


def table(measured: Mapping[str, Times]) -> str:
    """A Markdown table: operation by contender, and the ratios of the rounds' pairs."""
    heads = ["operation", *_CONTENDERS, "Headcount ÷ (a)", "(b) ÷ Headcount"]
    rows = [
        [
            "`" + re.sub(r'"\w+"', "…", call) + "`",
            *(_cell(times.get(contender)) for contender in _CONTENDERS),
            _ratio(times, HEADCOUNT, BARE),
            _ratio(times, REFERENCE, HEADCOUNT),
        ]
        for call, times in measured.items()
    ]
    ruler = ["---", *["--:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ruler, *rows))


def acceptance(measured: Mapping[str, Times]) -> Iterator[str]:
    """A line for each thing that was asked, by the medians."""
    for name, rounds in measured.items():
        if name not in _ASKED:
            continue
        factor, extra, least = _ASKED[name]
        times = {contender: median(each) for contender, each in rounds.items()}
        allowed = factor * times[BARE] + extra
        for contender in (HEADCOUNT, HTTP):
            if contender not in times:
                continue
            took = times[contender]
            yield (
                f"`{name}`, {contender}: {took:.0f} ms ≤ {factor} × {times[BARE]:.0f} ms + "
                f"{extra} ms = {allowed:.0f} ms: {verdict(took <= allowed)}"
            )
            if least is not None:
                faster = times[REFERENCE] / took
                plain = f" ({times[PLAIN] / took:.2f} × on plain dicts)" if PLAIN in times else ""
                yield (
                    f"`{name}`, {contender}: {faster:.2f} × faster than (b){plain}, "
                    f"at least {least}: {verdict(faster >= least)}"
                )


def _cell(rounds: Sequence[float] | None) -> str:
    if not rounds:
        return "–"
    return f"{median(rounds):.1f} ({min(rounds):.1f}–{max(rounds):.1f})"


def _ratio(times: Times, above: str, below: str) -> str:
    if above not in times:
        return "–"
    # One of them may have run in the first rounds only.
    return f"{median(a / b for a, b in zip(times[above], times[below], strict=False)):.2f}"


def verdict(met: bool) -> str:
    """How it says whether something was met."""
    return "met" if met else "**not met**"
