"""The benchmark of a flood runs on little data."""

import pytest

from tests.benchmarks.commands import run


@pytest.mark.deep
def test_a_flood_is_measured(quick_uri: str) -> None:
    output = run("flood", "--quick", "--clients", "100", "--seconds", "2", "--uri", quick_uri)
    for text in ("answers a second", "statuses: 200: ", "another caller: 200: ", "memory: "):
        assert text in output
