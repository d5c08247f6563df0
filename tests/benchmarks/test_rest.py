"""The benchmark of REST paths runs on little data."""

import pytest

from tests.benchmarks.commands import run


@pytest.mark.deep
def test_paths_are_compared_with_graphql_and_the_reference(quick_uri: str) -> None:
    output = run("rest", "--quick", "--rounds", "1", "--requests", "5", "--uri", quick_uri)
    assert output.count("| REST, with rollups |") == 4
    assert output.count("| the reference |") == 2
