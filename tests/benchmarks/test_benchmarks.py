"""The benchmark runs end to end on little data, and its data are the same every time."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import bson
import pytest
from pymongo import MongoClient

from benchmarks import report
from benchmarks.dataset import QUICK, Size, collections
from benchmarks.operations import BY_REVENUE, EVENT_STATS, ORDER_STATS

ROOT = Path(__file__).parents[2]
CALLS = [
    "eventsOverview", EVENT_STATS, "eventStats(limit: 20)", BY_REVENUE, "event(id: …)",
    "promoCodeStats", ORDER_STATS, "metrics",
]  # fmt: skip


def test_a_quick_run_times_every_operation_and_all_contenders_agree(
    mongodb_uri: str, tmp_path: Path
) -> None:
    out = tmp_path / "figures.md"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--rounds", "2"]
    try:
        # A process of its own: the documents of this one are bound to the tests' database.
        run = subprocess.run(
            [*command, "--uri", mongodb_uri, "--out", str(out)],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    finally:
        with MongoClient[dict[str, object]](mongodb_uri) as client:
            client.drop_database(QUICK.database)
    assert run.returncode == 0, run.stderr
    assert out.read_text(encoding="utf-8") == run.stdout
    rows = [line.split(" | ") for line in run.stdout.splitlines() if line.startswith("| ")]
    assert [row[0].strip("|` ").split(': "')[0] for row in rows[2:]] == CALLS
    assert {len(row) for row in rows} == {len(rows[0])}
    assert run.stdout.count("met") >= 6


def test_the_data_are_the_same_every_time_and_as_many_as_asked_for() -> None:
    first, second = (
        {name: [bson.encode(each) for each in made] for name, made in collections(QUICK)}
        for _ in range(2)
    )
    assert first == second
    assert Size(**{name: len(made) for name, made in first.items()}) == QUICK


def test_the_data_have_the_shares_of_the_platform() -> None:
    made = {name: list(documents) for name, documents in collections(QUICK)}
    tickets = made["tickets"]
    origins = Counter(
        "sold" if "ticket_order_id" in t else "promo" if "promo_code_id" in t else "admin"
        for t in tickets
    )
    assert origins["sold"] == pytest.approx(1400, abs=100)
    assert origins["promo"] == pytest.approx(400, abs=100)
    assert sum("wallet" in t for t in tickets) == pytest.approx(800, abs=100)
    assert any(t.get("wallet", {}).get("status") == "DELETED" for t in tickets)
    events = {order["_id"]: order["event_id"] for order in made["ticket_orders"]}
    assert all(
        events[t["ticket_order_id"]] == t["event_id"] for t in tickets if "ticket_order_id" in t
    )
    assert {order["gateway"] for order in made["ticket_orders"]} == {"asaas", "stripe"}
    assert any(order.get("payment_method") is None for order in made["ticket_orders"])


@pytest.mark.parametrize(("took", "verdict"), [(185.0, "met"), (186.0, "**not met**")])
def test_the_acceptance_is_told_by_the_medians(took: float, verdict: str) -> None:
    times = {
        report.HEADCOUNT: [1.0, took, 999.0], report.HTTP: [took],
        report.BARE: [50.0, 100.0, 150.0], report.REFERENCE: [1000.0],
    }  # fmt: skip
    orders = {report.HEADCOUNT: [1.0], report.HTTP: [1.0], report.BARE: [1.0]}
    lines = list(report.acceptance({EVENT_STATS: times, ORDER_STATS: orders}))
    assert lines[0].endswith(f": {verdict}")
