"""The bar chart of requests per second of the HTTP benchmark, as SVG."""

from collections.abc import Iterator
from html import escape
from statistics import median
from typing import Final

from benchmarks.http.report import Measured, short

_WIDTH: Final = 860
_BAR, _GAP, _HEAD, _MARGIN = 18, 6, 34, 24
_FROM, _LONGEST = 220, 520
_OURS, _OTHERS = "#0969da", "#8c959f"


def bar_chart(measured: Measured) -> str:
    """An SVG document: a panel per operation with its own scale, a bar per contender."""
    body: list[str] = []
    below = _MARGIN
    for call, runs in measured.items():
        rates = {name: [run.rate for run in each] for name, each in runs.items()}
        body += _panel(short(call), rates, below)
        below += _HEAD + len(runs) * (_BAR + _GAP) + _GAP
    title = "Requests a second of each contender, by operation"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {below}" '
            'font-family="system-ui, sans-serif" font-size="13" role="img" aria-labelledby="t">',
            f'<title id="t">{title}</title>',
            f'<rect width="{_WIDTH}" height="{below}" rx="12" fill="#f6f8fa"/>',
            *body,
            "</svg>",
            "",
        ]
    )


def _panel(call: str, rates: dict[str, list[float]], top: int) -> Iterator[str]:
    most = max(max(each) for each in rates.values())
    yield (
        f'<text x="{_MARGIN}" y="{top + 16}" fill="#1f2328" font-weight="600" '
        f'font-family="ui-monospace, monospace">{escape(call)}</text>'
    )
    for index, (name, each) in enumerate(rates.items()):
        y, middle = top + _HEAD + index * (_BAR + _GAP), median(each)
        fill = _OURS if name.startswith("Headcount") else _OTHERS
        length, low, high = (_LONGEST * rate / most for rate in (middle, min(each), max(each)))
        line, text = y + _BAR / 2, y + 14
        yield (
            f'<text x="{_FROM - 8}" y="{text}" fill="#1f2328" text-anchor="end">'
            f"{escape(name)}</text>"
            f'<rect x="{_FROM}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{fill}"/>'
            f'<path d="M{_FROM + low:.1f} {line}H{_FROM + high:.1f}" stroke="#1f2328"/>'
            f'<text x="{_FROM + max(length, high) + 8:.1f}" y="{text}" fill="#57606a">'
            f"{middle:,.{0 if middle >= 100 else 1}f} /s</text>"
        )
