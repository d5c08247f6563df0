"""Disturbances by restored dumps: into the same replica set, and into another one."""

import shutil
import time
from random import Random
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import MongoClient

from tests.commands import Mongod
from tests.differential import comparisons, snapshots
from tests.differential.deployment import DATABASE, Deployment
from tests.differential.dumps import Dump, dump
from tests.differential.servers import Server


def restore_into_the_same_set(deployment: Deployment, chance: Random) -> None:
    """Dumps the database, and restores it some seconds later, under running servers."""
    found = _dumped(deployment, chance)
    time.sleep(chance.uniform(0, 4))
    drop = chance.random() < 0.6
    if not drop:
        # It would bring back cells that were deleted since: a limit that docs/rollups.md names.
        found = found.without_rollups()
    deployment.journal.line(f"restores {len(found.collections)} collections, drop: {drop}")
    if chance.random() < 0.5:
        with deployment.traffic.paused():
            found.restore(deployment.database, chance, drop=drop)
    else:
        found.restore(deployment.database, chance, drop=drop)


def restore_into_another_set(deployment: Deployment, chance: Random) -> None:
    """Restores a dump into a new replica set, starts a server there, and compares its answers."""
    found = _dumped(deployment, chance)
    journal = deployment.journal
    folder = deployment.folder / f"elsewhere{journal.counts['other replica sets']}"
    folder.mkdir()
    journal.count("other replica sets")
    options = "--replSet", "r", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "200"
    with Mongod(folder, *options) as mongod:
        mongod.initiate()
        with MongoClient[dict[str, Any]](mongod.uri, w="majority") as client:
            database = client.get_database(DATABASE, CodecOptions(tz_aware=True))
            found.restore(database, chance, drop=False)
            server = Server("server elsewhere", folder, mongod.uri, DATABASE, journal)
            try:
                server.start()
                for pause in (0.0, 3.0):
                    time.sleep(pause)
                    with comparisons.with_cells(database, server):
                        last = snapshots.now(database)
                        comparisons.compare(database, [server], chance, journal, last)
                comparisons.verify(server, journal)
            finally:
                server.close()
    # Only after a difference do the files stay.
    shutil.rmtree(folder)


def _dumped(deployment: Deployment, chance: Random) -> Dump:
    """A dump as of one cluster time, or of each collection as of another."""
    at_once = chance.random() < 0.5
    found = dump(deployment.database, snapshots.now(deployment.database) if at_once else None)
    if chance.random() < 0.2:
        return found.without_rollups()
    return found
