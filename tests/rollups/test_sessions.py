"""Connections that count as unable to run sessions: reads and keepers replace them."""

from typing import Any

import pytest
from pymongo import ReadPreference
from pymongo.errors import ConfigurationError

from cancelling import running
from loaders.plan import Read
from loaders.replication import Replication
from loaders.run import Runner
from rollups.keeper import keeper
from rollups.keeper.lease import Lease
from rollups.keeper.store import RollupStore
from rollups.layout.rollup import DEFAULT_ROLLUPS
from tests.rollups.conftest import Database, until
from tests.strategies import NOW


async def _disable_sessions(database: Database) -> list[Any]:
    """Makes the idle connections what PyMongo makes them while a member changes its role."""
    await database.command("ping")
    disabled = [
        connection
        for server in database.client._topology._servers.values()
        for connection in server.pool.conns
    ]
    assert disabled
    for connection in disabled:
        connection.supports_sessions = False
    return disabled


async def test_a_secondary_is_read_over_another_connection(database: Database) -> None:
    await _disable_sessions(database)
    runner = Runner(60, replication=Replication(database, lambda: NOW))
    secondary = database["events"].with_options(read_preference=ReadPreference.SECONDARY_PREFERRED)
    _, documents = await runner.documents(Read(secondary, [{"$limit": 1}], "events"))
    assert len(documents) <= 1


async def test_a_keeper_has_such_connections_closed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Lease) -> None:
        raise ConfigurationError("Sessions are not supported by this MongoDB deployment")

    monkeypatch.setattr(keeper, "_maintain", fail)
    (connection, *_) = await _disable_sessions(database)

    async def closed() -> bool:
        return bool(connection.closed)

    store = RollupStore(database, lease_seconds=0.6)
    async with running(keeper.maintain(store, DEFAULT_ROLLUPS[0], "tests")):
        await until(closed)
