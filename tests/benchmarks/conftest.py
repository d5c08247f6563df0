"""Fixtures of the benchmarks' tests."""

from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from benchmarks.data.dataset import QUICK


@pytest.fixture(scope="package")
def quick_uri(mongodb_uri: str) -> Iterator[str]:
    """The URI of a MongoDB; the quick data are dropped at the end."""
    yield mongodb_uri
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(QUICK.database)
