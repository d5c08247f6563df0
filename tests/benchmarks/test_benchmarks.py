"""The benchmark of operations runs on little data, and its data are reproducible."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import bson
import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandStartedEvent, CommandSucceededEvent

from benchmarks import report
from benchmarks.data.dataset import NOW, QUICK, Size, collections
from benchmarks.operations import BY_REVENUE, EVENT_STATS, ORDER_STATS, TOTAL, UNIQUE
from benchmarks.replay import CommandRecorder, Disagreement, groups

ROOT = Path(__file__).parents[2]
CALLS = [
    "eventsOverview", EVENT_STATS, "eventStats(limit: 20)", BY_REVENUE, "event(id: …)",
    "promoCodeStats", ORDER_STATS, "metrics", TOTAL, UNIQUE,
]  # fmt: skip


def test_a_quick_run_times_every_operation_and_all_contenders_agree(
    mongodb_uri: str, tmp_path: Path
) -> None:
    out = tmp_path / "figures.md"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--rounds", "2"]
    try:
        # A subprocess, as the documents of this process are bound to the tests' database.
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
    assert [row[0].strip("|` ") for row in rows[2:]] == CALLS
    assert {len(row) for row in rows} == {len(rows[0])}
    assert run.stdout.count("met") >= 6


def test_the_data_are_reproducible_and_have_their_size() -> None:
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


def test_the_visits_have_the_shares_of_the_shop_and_no_session_crosses_the_week() -> None:
    made = dict(collections(QUICK))
    events = list(made["analytics_events"])
    edge = NOW - timedelta(days=7)
    before, week = (
        {e["session_id"] for e in events if (e["created_at"] < edge) is old}
        for old in (True, False)
    )
    assert sum(e["created_at"] >= edge for e in events) == 2_000
    assert (len(before), len(week), before & week) == (180, 400, set())
    assert [e["created_at"] for e in events] == sorted(e["created_at"] for e in events)
    kinds = Counter(e["event_type"] for e in events)
    assert kinds["product_view"] > kinds["add_to_cart"] > kinds["begin_checkout"]
    assert kinds["begin_checkout"] > kinds["purchase"] > 0
    assert len({e["product_slug"] for e in events if "product_slug" in e}) > 30
    assert {"direct", "google", None} <= {e.get("source") for e in events}


async def test_a_dependent_aggregation_waits_for_its_predecessor_when_replayed() -> None:
    recorder, numbers = CommandRecorder(), count()
    lucky = iter([True, False, True])

    async def answer() -> None:
        first, second = (_start(recorder, numbers, kind) for kind in ("views", "sessions"))
        _succeed(recorder, first)
        if next(lucky):
            _succeed(recorder, second)
        _succeed(recorder, _start(recorder, numbers, "leaders"))

    found = await groups(recorder, answer, ["analytics_events"])
    kinds = [group.command["pipeline"][0]["$match"]["event_type"] for group in found]
    assert kinds == ["views", "sessions", "leaders"]
    assert [list(group.after) for group in found] == [[], [], [0]]


async def test_an_operation_with_varying_aggregations_is_an_error() -> None:
    recorder, numbers = CommandRecorder(), count()
    kinds: Iterator[str] = map(str, count())

    async def answer() -> None:
        _start(recorder, numbers, next(kinds))

    with pytest.raises(Disagreement, match="different aggregations"):
        await groups(recorder, answer, ["analytics_events"])


def _start(recorder: CommandRecorder, numbers: "count[int]", kind: str) -> int:
    pipeline = [{"$match": {"event_type": kind}}, {"$group": {"_id": None}}]
    command = {"aggregate": "analytics_events", "pipeline": pipeline, "cursor": {}}
    recorder.started(CommandStartedEvent(command, "db", id := next(numbers), ("", 0), id))
    return id


def _succeed(recorder: CommandRecorder, id: int) -> None:
    reply = {"ok": 1}
    recorder.succeeded(
        CommandSucceededEvent(timedelta(), reply, "aggregate", id, ("", 0), id, database_name="db")
    )


@pytest.mark.parametrize(("took", "verdict"), [(185.0, "met"), (186.0, "**not met**")])
def test_the_acceptance_criteria_use_medians(took: float, verdict: str) -> None:
    times = {
        report.HEADCOUNT: [1.0, took, 999.0], report.HTTP: [took],
        report.BARE: [50.0, 100.0, 150.0], report.REFERENCE: [1000.0],
    }  # fmt: skip
    lines = list(report.acceptance({EVENT_STATS: times, "metrics": times}))
    assert lines[0].endswith(f": {verdict}")
    assert len(lines) == 4


def test_the_reference_may_have_fewer_rounds() -> None:
    times = {
        report.HEADCOUNT: [2.0, 3.0, 4.0], report.BARE: [2.0, 2.0, 2.0],
        report.REFERENCE: [20.0], report.ON_DICTS: [8.0],
    }  # fmt: skip
    assert report.table({TOTAL: times}).splitlines()[-1].endswith("| 1.50 | 10.00 |")
    assert list(report.acceptance({TOTAL: times}))[-1].endswith(
        "6.67 × faster than (b) (2.67 × on plain dicts), at least 4: met"
    )
