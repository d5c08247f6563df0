"""The report: a table of times, and the acceptance criteria."""

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
ON_DICTS = "(b) on plain dicts"
REFERENCES = (REFERENCE, ON_DICTS)
_CONTENDERS = (HEADCOUNT, HTTP, BARE, ONE_BY_ONE, *REFERENCES)

# Call → (factor, extra): at most factor × (a) + extra ms; how many times faster than (b).
_CRITERIA: Final[Mapping[str, tuple[float, float, float | None]]] = {
    EVENT_STATS: (1.25, 60, 1.8),
    ORDER_STATS: (1.15, 15, None),
    TOTAL: (1.1, 50, 4),
    UNIQUE: (1.1, 50, 4),
}

Times = Mapping[str, Sequence[float]]
"""Contender → milliseconds of each round."""


def table(measured: Mapping[str, Times]) -> str:
    """A Markdown table with a row per operation, and the medians of the rounds' ratios."""
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
    """Yields a line for each acceptance criterion, by the medians."""
    for name, rounds in measured.items():
        if name not in _CRITERIA:
            continue
        factor, extra, least = _CRITERIA[name]
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
                on_dicts = (
                    f" ({times[ON_DICTS] / took:.2f} × on plain dicts)" if ON_DICTS in times else ""
                )
                yield (
                    f"`{name}`, {contender}: {faster:.2f} × faster than (b){on_dicts}, "
                    f"at least {least}: {verdict(faster >= least)}"
                )


def _cell(rounds: Sequence[float] | None) -> str:
    if not rounds:
        return "–"
    return f"{median(rounds):.1f} ({min(rounds):.1f}–{max(rounds):.1f})"


def _ratio(times: Times, above: str, below: str) -> str:
    if above not in times:
        return "–"
    # A slow contender runs in the first rounds only.
    return f"{median(a / b for a, b in zip(times[above], times[below], strict=False)):.2f}"


def verdict(met: bool) -> str:
    """The words for a criterion that is met or not."""
    return "met" if met else "**not met**"
