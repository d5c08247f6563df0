"""The benchmark runs end to end on little data, and its data are the same every time."""

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
from benchmarks.dataset import MOMENT, QUICK, Size, collections
from benchmarks.operations import BY_REVENUE, EVENT_STATS, ORDER_STATS, TOTAL, UNIQUE
from benchmarks.replay import Disagreement, Sent, groups

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
    assert [row[0].strip("|` ") for row in rows[2:]] == CALLS
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


def test_the_visits_have_the_shares_of_the_shop_and_no_session_crosses_the_week() -> None:
    made = dict(collections(QUICK))
    events = list(made["analytics_events"])
    edge = MOMENT - timedelta(days=7)
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


async def test_what_waited_for_an_answer_each_time_waits_for_it_when_it_is_sent_again() -> None:
    sent, numbers = Sent(), count()
    lucky = iter([True, False, True])

    async def answer() -> None:
        first, second = (_start(sent, numbers, kind) for kind in ("views", "sessions"))
        _succeed(sent, first)
        if next(lucky):
            _succeed(sent, second)
        _succeed(sent, _start(sent, numbers, "leaders"))

    found = await groups(sent, answer, ["analytics_events"])
    kinds = [group.command["pipeline"][0]["$match"]["event_type"] for group in found]
    assert kinds == ["views", "sessions", "leaders"]
    assert [list(group.after) for group in found] == [[], [], [0]]


async def test_an_operation_that_asks_something_else_each_time_is_not_timed() -> None:
    sent, numbers = Sent(), count()
    kinds: Iterator[str] = map(str, count())

    async def answer() -> None:
        _start(sent, numbers, next(kinds))

    with pytest.raises(Disagreement, match="something else"):
        await groups(sent, answer, ["analytics_events"])


def _start(sent: Sent, numbers: "count[int]", kind: str) -> int:
    pipeline = [{"$match": {"event_type": kind}}, {"$group": {"_id": None}}]
    command = {"aggregate": "analytics_events", "pipeline": pipeline, "cursor": {}}
    sent.started(CommandStartedEvent(command, "db", id := next(numbers), ("", 0), id))
    return id


def _succeed(sent: Sent, id: int) -> None:
    reply = {"ok": 1}
    sent.succeeded(
        CommandSucceededEvent(timedelta(), reply, "aggregate", id, ("", 0), id, database_name="db")
    )


@pytest.mark.parametrize(("took", "verdict"), [(185.0, "met"), (186.0, "**not met**")])
def test_the_acceptance_is_told_by_the_medians(took: float, verdict: str) -> None:
    times = {
        report.HEADCOUNT: [1.0, took, 999.0], report.HTTP: [took],
        report.BARE: [50.0, 100.0, 150.0], report.REFERENCE: [1000.0],
    }  # fmt: skip
    lines = list(report.acceptance({EVENT_STATS: times, "metrics": times}))
    assert lines[0].endswith(f": {verdict}")
    assert len(lines) == 4


def test_a_few_rounds_of_the_reference_are_enough() -> None:
    times = {
        report.HEADCOUNT: [2.0, 3.0, 4.0], report.BARE: [2.0, 2.0, 2.0],
        report.REFERENCE: [20.0], report.PLAIN: [8.0],
    }  # fmt: skip
    assert report.table({TOTAL: times}).splitlines()[-1].endswith("| 1.50 | 10.00 |")
    assert list(report.acceptance({TOTAL: times}))[-1].endswith(
        "6.67 × faster than (b) (2.67 × on plain dicts), at least 4: met"
    )
