"""The commands `headcount rollups`: build, run, status and verify."""

import re
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

from tests.commands import PATIENCE, environment, run
from tests.forks import Command


@pytest.fixture
def settings(mongodb_uri: str) -> dict[str, str]:
    return {
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_rolled_{uuid4().hex[:12]}",
        "HEADCOUNT_ROLLUPS_DATABASE": f"headcount_cells_{uuid4().hex[:12]}",
    }


@pytest.fixture
def databases(settings: dict[str, str]) -> Iterator[tuple[Database[dict[str, Any]], ...]]:
    """The database of documents, and that of rollups."""
    with MongoClient[dict[str, Any]](settings["HEADCOUNT_MONGODB_URI"]) as client:
        names = (settings["HEADCOUNT_DATABASE"], settings["HEADCOUNT_ROLLUPS_DATABASE"])
        client[names[0]]["tickets"].insert_many(
            [{"event_id": ObjectId(), "status": "available"} for _ in range(100)]
        )
        yield tuple(client[name] for name in names)
        for name in names:
            client.drop_database(name)


def _add_other_declarations(source: str, rollups: Database[dict[str, Any]]) -> None:
    name = f"{source}.tickets"
    ended, ends = datetime(2026, 4, 20, 12, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
    leased = {"owner": "another:1", "rollup": name}
    rollups["headcount_rollups"].insert_many(
        [
            {"_id": name, "fence": 0},
            {"_id": f"{name}@0123456789ab", "expires_at": ended, **leased},
            {"_id": f"{name}@ba9876543210", "expires_at": ends, **leased},
        ]
    )


def test_cells_are_built_and_verified(
    tmp_path: Path, settings: dict[str, str], databases: tuple[Database[dict[str, Any]], ...]
) -> None:
    source, rollups = databases
    refused = run(tmp_path, "rollups", "verify", **settings)
    assert refused.returncode == 1
    assert "run 'headcount rollups build', or wait" in refused.stderr
    assert "tickets: not built: the log of a server" in (
        run(tmp_path, "rollups", "status", **settings).stdout
    )
    built = run(tmp_path, "rollups", "build", **settings)
    assert built.returncode == 0, built.stderr
    assert "200/200" in built.stderr
    shown = run(tmp_path, "rollups", "status", **settings).stdout.splitlines()
    assert shown[0] == "No server has recorded reads in the last minute."
    tickets, *below = shown[
        [line.split(": ")[0] for line in shown].index(f"{source.name}.tickets") :
    ]
    assert "0 changes/s, no keeper since 20" in tickets
    assert "not verified since" in tickets
    by_event, readers = below[0], below[1]
    assert re.fullmatch(
        r"  tickets by event: 100 cells, [1-9][0-9],[0-9]{3} bytes, 0 reads", by_event
    )
    assert readers.startswith("    read by EventStats: ticketsIssued, ticketsSold, ")
    assert "    read by EventsOverview: totalTicketsIssued, " in "\n".join(below)
    assert "other declaration" not in "".join(shown)
    assert "  tickets in total: 1 cell, " in "\n".join(below)
    assert "  behaviour by event_type in buckets of 15 minutes: 0 cells, 0 bytes, 0 reads" in shown
    verified = run(tmp_path, "rollups", "verify", **settings)
    assert verified.returncode == 0
    assert f"{source.name}.tickets: exact" in verified.stdout
    _add_other_declarations(source.name, rollups)
    shown = run(tmp_path, "rollups", "status", **settings).stdout.splitlines()
    others = [line for line in shown if line.startswith("  other declaration ")]
    assert [line.removeprefix(f"  other declaration {source.name}.tickets") for line in others] == [
        ": never had a keeper",
        "@0123456789ab: no keeper since 2026-04-20 12:00:00 UTC",
        "@ba9876543210: keeper another:1",
    ]
    (name,) = rollups.list_collection_names(filter={"name": {"$regex": r"\.tickets@"}})
    rollups[name].update_one({"level": "tickets by event"}, {"$inc": {"measures.tickets": 1}})
    wrong = run(tmp_path, "rollups", "verify", **settings)
    assert wrong.returncode == 1
    assert "'tickets': 2" in wrong.stdout
    assert "Cells that differ: 1." in wrong.stderr
    # Cells that differ are not read any more.
    assert run(tmp_path, "rollups", "verify", **settings).returncode == 1
    assert run(tmp_path, "rollups", "build", **settings).returncode == 0
    # The last check was before this build.
    assert "verified 20" not in run(tmp_path, "rollups", "status", **settings).stdout
    assert run(tmp_path, "rollups", "verify", **settings).returncode == 0
    assert "verified 20" in run(tmp_path, "rollups", "status", **settings).stdout


def test_rollups_are_maintained_until_a_signal(
    tmp_path: Path, settings: dict[str, str], databases: tuple[Database[dict[str, Any]], ...]
) -> None:
    source, rollups = databases
    keeper = Command(("rollups", "run"), tmp_path, environment(settings))

    def state() -> dict[str, Any]:
        found = rollups["headcount_rollups"].find_one({"rollup": f"{source.name}.tickets"})
        return found or {}

    def total() -> int:
        cells = state().get("cells")
        cell = cells and rollups[cells].find_one({"level": "tickets by nothing"})
        return cell["measures"]["tickets"] if cell else 0

    deadline = time.monotonic() + PATIENCE
    try:
        while total() != 100:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        # The keeper goes on with the cells that the command builds.
        assert run(tmp_path, "rollups", "build", **settings).returncode == 0
        assert state()["builds"] == 2
        source["tickets"].delete_many({"_id": {"$in": source["tickets"].distinct("_id")[:30]}})
        while total() != 70:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait(PATIENCE) == 0
    finally:
        keeper.kill()
        _, log = keeper.communicate()
    assert re.search(r'"rollup": "\w+\.tickets".*"cells": \d+, "event": "a rollup is built"', log)
    # The lease is free at once.
    assert "session" not in state()
    assert run(tmp_path, "rollups", "verify", **settings).returncode == 0
