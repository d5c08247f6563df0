"""The benchmark of exports runs on little data."""

import pytest

from tests.benchmarks.commands import run


@pytest.mark.deep
def test_exports_of_little_data_are_timed(quick_uri: str) -> None:
    output = run("exports", "--quick", "--uri", quick_uri)
    for format in ("xlsx", "csv", "json"):
        assert f"- {format}: " in output
    # On little data only the number of verdicts is meaningful.
    assert output.count("met") == 2 * 3 + 4
