"""The HTTP benchmark runs on little data, and its report has the measured values."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.execution import milliseconds
from benchmarks.http import report
from benchmarks.http.cannon import Run
from benchmarks.http.chart import bar_chart
from benchmarks.http.race import ENTRANTS
from benchmarks.operations import EVENT_STATS, ORDER_STATS
from tests.benchmarks.commands import needs_node, run

PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"
EVENT = 'event(id: "000000000000000000000000")'


@pytest.mark.deep
@needs_node
def test_a_quick_race_over_http_has_all_contenders_agree(quick_uri: str, tmp_path: Path) -> None:
    out, plot = tmp_path / "figures.md", tmp_path / "plot.svg"
    written = ("--out", str(out), "--plot", str(plot))
    output = run("load", "--quick", "--rounds", "1", "--uri", quick_uri, *written)
    assert out.read_text(encoding="utf-8") == output
    rows = [line.split(" | ") for line in output.splitlines() if line.startswith("| ")][2:]
    found = [(row[0].strip("|` "), row[1]) for row in rows]
    calls = [EVENT_STATS, "event(id: …)", ORDER_STATS, "viewer"]
    names = [entrant.name for entrant in ENTRANTS]
    assert found == [
        (call, name)
        for call in calls
        for name in names
        if call == EVENT_STATS or name != report.REST
    ]
    # On little data only the number of verdicts is meaningful.
    assert output.count("met") == 8
    assert len(ElementTree.parse(plot).findall(".//{*}path")) == len(rows)  # noqa: S314


def test_the_acceptance_criteria_use_medians() -> None:
    def runs(rate: float, cpu: float) -> list[Run]:
        return [Run(each, 1, 2, cpu, 10) for each in (1, rate, 9999)]

    events = {
        report.HEADCOUNT: runs(100, 10), report.UNCOMPILED: runs(50, 24),
        report.UNSHARED: runs(60, 10), report.MERCURIUS: runs(99, 20), report.YOGA: runs(101, 30),
    }  # fmt: skip
    lines = [*report.acceptance({EVENT_STATS: events, EVENT: events}, (30, 2))]
    verdicts = [line.rpartition(": ")[2] for line in lines]
    assert verdicts == ["**not met**", "met", "**not met**", "met", "**not met**", "met"]
    assert "2.40" in lines[0]
    assert "1.01 (0.61 without shared reads)" in lines[1]
    assert "event(id: …)" in lines[3]


def test_the_chart_has_a_bar_for_each_contender() -> None:
    runs = {"a < b": [Run(10, 1, 2, 3, 10)], "c": [Run(20, 1, 2, 3, 10)]}
    plot = ElementTree.fromstring(bar_chart({EVENT: runs}))  # noqa: S314
    texts = [each.text for each in plot.findall("{*}text")]
    assert texts == ["event(id: …)", "a < b", "10.0 /s", "c", "20.0 /s"]
    assert len(plot.findall("{*}rect")) == 3


def test_the_execution_alone_is_measured() -> None:
    assert all(took > 0 for took in milliseconds(1))


def test_the_lock_of_the_peers_contains_no_urls() -> None:
    lock = (PEERS / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
