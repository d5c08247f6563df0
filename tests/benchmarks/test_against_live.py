"""The benchmark of rollups against live counts runs on little data."""

import pytest

from tests.benchmarks.commands import run


@pytest.mark.deep
def test_calls_from_rollups_are_compared_with_live_counts(quick_uri: str) -> None:
    scale = ("--scale", "0.01", "--rounds", "1", "--only", "Stats")
    output = run("against_live", *scale, "--uri", quick_uri)
    for call in ("eventStats(limit: 500)", "orderStats", "dashboardStats(mode: UNIQUE)"):
        assert call in output
    assert "calls: " in output
