"""The benchmark of rollups runs on little data."""

import pytest
from pymongo import MongoClient

from benchmarks.data.changes import write
from tests.benchmarks.commands import needs_node, run


@pytest.mark.deep
@needs_node
def test_quick_rollups_are_measured(quick_uri: str) -> None:
    output = run("rollups", "--quick", "--uri", quick_uri)
    for part in ("changes/s of", "lag,", "caught up at", "build of all cells", "eventsOverview"):
        assert part in output
    # Verdicts: 2 × 2 for each of four operations, one for the size of each, three for the keepers.
    assert output.count("met") == 2 * 4 * 2 + 4 + 3


def test_changes_are_written_at_their_rate(mongodb_uri: str) -> None:
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        database = client["headcount_changes"]
        try:
            written = write(mongodb_uri, database.name, 1000, 1)
            # One batch may be ahead of the rate.
            assert 0 < written <= 1100
            assert database["tickets"].count_documents({}) > 0
        finally:
            client.drop_database(database)
