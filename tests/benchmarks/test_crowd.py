"""The benchmark of many polling clients runs on little data."""

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.crowd import in_flight
from tests.benchmarks.commands import needs_node, run


@pytest.mark.deep
@needs_node
def test_a_quick_crowd_is_counted(quick_uri: str) -> None:
    output = run("crowd", "--quick", "--clients", "20", "--uri", quick_uri)
    assert "20 clients polled `orderStats`" in output
    assert "at most 2 allowed: met" in output
    # With few clients the value of the other verdict is not meaningful.
    assert output.count("met") == 2


def test_only_overlapping_intervals_count_as_in_flight() -> None:
    start = datetime(2026, 6, 1, tzinfo=UTC)
    second = timedelta(seconds=1)
    flights = [(start + n * second, start + (n + 1) * second) for n in range(4)]
    assert in_flight(flights) == 1
    assert in_flight([*flights, (start + second / 2, start + 2 * second)]) == 2
    assert in_flight([(start, start)]) == 1
    assert in_flight([]) == 0
