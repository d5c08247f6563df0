"""The benchmark of compression runs on little data."""

import pytest

from tests.benchmarks.commands import run


@pytest.mark.deep
def test_compression_of_little_data_is_measured(quick_uri: str) -> None:
    output = run("compression", "--quick", "--uri", quick_uri)
    assert output.count("%)") == 4
