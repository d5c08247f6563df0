"""Many clients poll one number, and the aggregations in flight are counted."""

from datetime import UTC, datetime, timedelta

from benchmarks.crowd import in_flight
from tests.benchmarks.commands import needs_node, run


@needs_node
def test_a_quick_crowd_is_counted(quick_uri: str) -> None:
    said = run("crowd", "--quick", "--clients", "20", "--uri", quick_uri)
    assert "20 clients polled `orderStats`" in said
    assert "at most 2 allowed: met" in said
    # On little data and few clients the other verdict says nothing but that there is one.
    assert said.count("met") == 2


def test_what_overlaps_is_in_flight_and_what_touches_is_not() -> None:
    start = datetime(2026, 6, 1, tzinfo=UTC)
    second = timedelta(seconds=1)
    flights = [(start + n * second, start + (n + 1) * second) for n in range(4)]
    assert in_flight(flights) == 1
    assert in_flight([*flights, (start + second / 2, start + 2 * second)]) == 2
    assert in_flight([(start, start)]) == 1
    assert in_flight([]) == 0
