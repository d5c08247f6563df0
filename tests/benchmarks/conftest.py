"""What the benchmarks' tests share: little data, made once."""

from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from benchmarks.dataset import QUICK


@pytest.fixture(scope="package")
def quick_uri(mongodb_uri: str) -> Iterator[str]:
    """A MongoDB that the quick data are dropped from in the end."""
    yield mongodb_uri
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(QUICK.database)
