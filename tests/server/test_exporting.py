"""The command `headcount export`: a file with the bytes of a download, complete or absent."""

import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient

from tests.commands import PATIENCE, environment, run, running
from tests.conftest import SECRET
from tests.exports import read_back
from tests.exports.test_events_dashboard import URL
from tests.exports.test_routes import DATA, EVENT
from tests.forks import Command
from tests.profiles import PROFILE
from tests.strategies import oid

_DASHBOARD = ("export", "--report", "events-dashboard", "--format")
_REPORT = ("export", "--report", "ticket-report", "--format")


@contextmanager
def _filled(mongodb_uri: str, tickets: int) -> Iterator[dict[str, str]]:
    """The settings of a database with one event of few tickets and one event of `tickets`."""
    name = f"headcount_export_{uuid4().hex[:12]}"
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        for collection, documents in DATA.items():
            client[name][collection].insert_many([dict(each) for each in documents])
        client[name]["tickets"].insert_many(
            {"event_id": oid(0xE02), "status": "available"} for _ in range(tickets)
        )
        yield {
            "HEADCOUNT_MONGODB_URI": mongodb_uri,
            "HEADCOUNT_DATABASE": name,
            "HEADCOUNT_JWT_SECRET": SECRET,
        }
        client.drop_database(name)


@pytest.fixture(scope="module")
def settings(mongodb_uri: str) -> Iterator[dict[str, str]]:
    """The settings of a database whose export is read back in seconds."""
    with _filled(mongodb_uri, PROFILE.exported_tickets) as settings:
        yield settings


@pytest.fixture(scope="module")
def settings_of_many(mongodb_uri: str) -> Iterator[dict[str, str]]:
    """The settings of a database whose export takes long enough to be interrupted."""
    with _filled(mongodb_uri, 30_000) as settings:
        yield settings


def test_the_file_equals_the_download(tmp_path: Path, settings: dict[str, str]) -> None:
    rows = PROFILE.exported_tickets + 4
    for format in ("xlsx", "csv", "json"):
        done = run(tmp_path, *_DASHBOARD, format, "-o", f"file.{format}", **settings)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(f"file.{format}: {rows} rows\n")
        assert f"{rows}/{rows}" in done.stderr
        assert "rows/s" in done.stderr
    bearer = run(tmp_path, "token", "--role", "admin", **settings).stdout.strip()
    with running(tmp_path, "serve", **settings) as (_, url):
        headers = {"authorization": f"Bearer {bearer}"}
        for format, read in (("xlsx", read_back.xlsx), ("csv", read_back.csv_zip)):
            sent = httpx.get(
                f"{url}{URL}?format={format}", headers=headers, timeout=PATIENCE
            ).content
            assert read(sent) == read((tmp_path / f"file.{format}").read_bytes())
        sent = httpx.get(f"{url}{URL}?format=json", headers=headers, timeout=PATIENCE).content
        expected = read_back.json_object(sent)["events"]
    assert read_back.json_object((tmp_path / "file.json").read_bytes())["events"] == expected
    assert {each.name for each in tmp_path.iterdir()} >= {"file.xlsx", "file.csv", "file.json"}
    assert not [*tmp_path.glob(".*.part")]


def test_the_ticket_report_of_an_event(tmp_path: Path, settings: dict[str, str]) -> None:
    done = run(
        tmp_path, *_REPORT, "csv", "-o", "report.csv", "--event-id", str(EVENT),
        "--mobile-app-id", "app-1", "--exclude-deleted",
        "--last-updated-since", "2020-01-01T00:00:00Z", **settings,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(read_back.csv_rows((tmp_path / "report.csv").read_bytes())) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*_REPORT, "csv", "-o", "f"), "'--event-id' and '--mobile-app-id' are required"),
        ((*_REPORT, "csv", "-o", "f", "--event-id", "x", "--mobile-app-id", "a"), "24 hexadecimal"),
        (
            (*_REPORT, "csv", "-o", "f", "--event-id", "0" * 24, "--mobile-app-id", "a"),
            "no event '000000000000000000000000' of application 'a'",
        ),
        ((*_DASHBOARD, "pdf", "-o", "f"), "'pdf' is not one of"),
        (
            (*_DASHBOARD, "csv", "-o", "f", "--event-id", "0" * 24),
            "'--event-id' does not apply",
        ),
        ((*_DASHBOARD, "csv", "-o", "none/f"), "No such file or directory"),
        ((*_DASHBOARD, "csv", "-o", ""), "name of a file"),
        ((*_DASHBOARD, "csv", "-o", "."), "is a directory"),
        ((*_DASHBOARD, "csv"), "Missing option '-o'"),
        (
            (*_REPORT, "csv", "-o", "f", "--last-updated-since", "today"),
            "ISO 8601 with its offset",
        ),
    ],
)
def test_an_invalid_export_prints_one_line(
    tmp_path: Path, settings: dict[str, str], arguments: tuple[str, ...], words: str
) -> None:
    done = run(tmp_path, *arguments, **settings)
    assert done.returncode in (1, 2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("headcount: ")]
    assert words in line
    assert not [*tmp_path.iterdir()]


def test_a_replaced_file_has_the_same_path_and_permissions(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    (tmp_path / "private.json").write_text("old")
    (tmp_path / "private.json").chmod(0o600)
    (tmp_path / "link.json").symlink_to("private.json")
    assert run(tmp_path, *_DASHBOARD, "json", "-o", "link.json", **settings).returncode == 0
    assert (tmp_path / "link.json").is_symlink()
    assert stat.S_IMODE((tmp_path / "private.json").stat().st_mode) == 0o600
    assert read_back.json_object((tmp_path / "private.json").read_bytes())["events"]


def test_only_a_regular_file_is_replaced(tmp_path: Path, settings: dict[str, str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run(tmp_path, *_DASHBOARD, "json", "-o", "pipe", **settings)
    assert done.returncode == 1
    assert "it is not a regular file" in done.stderr
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_partial_file(
    tmp_path: Path, settings_of_many: dict[str, str], number: signal.Signals
) -> None:
    (tmp_path / "file.xlsx").write_text("old")
    before = _cursors(settings_of_many)
    process = Command(
        (*_DASHBOARD, "xlsx", "-o", "file.xlsx"), tmp_path, environment(settings_of_many)
    )
    while not [*tmp_path.glob(".*.part")]:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(number)
    _, output = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "Traceback" not in output
    assert [each.name for each in tmp_path.iterdir()] == ["file.xlsx"]
    assert (tmp_path / "file.xlsx").read_text() == "old"
    assert _cursors(settings_of_many) <= before


def _cursors(settings: dict[str, str]) -> int:
    with MongoClient[dict[str, Any]](settings["HEADCOUNT_MONGODB_URI"]) as client:
        found: int = client.admin.command("serverStatus")["metrics"]["cursor"]["open"]["total"]
        return found


def test_a_file_of_a_collection_without_snapshots_is_said_to_be_of_several_times(
    tmp_path: Path, mongodb_uri: str
) -> None:
    with (
        _filled(mongodb_uri, 10) as settings,
        MongoClient[dict[str, Any]](mongodb_uri) as client,
    ):
        client[settings["HEADCOUNT_DATABASE"]].command("convertToCapped", "tickets", size=1 << 20)
        done = run(tmp_path, *_DASHBOARD, "json", "-o", "events.json", **settings)
        assert done.returncode == 0, done.stderr
        assert "events.json: 14 rows, not of one snapshot: each query read its own time" in (
            done.stdout
        )
