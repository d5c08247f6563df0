"""Interrupted transfers: a truncated file is always detectable."""

import json
import os
import signal
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

from exports.addresses import TICKET_REPORT_ROUTE
from server.embedded.mongod import embedded_mongod
from tests.commands import PATIENCE, running
from tests.conftest import SECRET, token
from tests.exports.test_events_dashboard import URL
from tests.exports.test_ticket_report_file import url
from tests.forks import Command
from tests.strategies import oid

EVENT = oid(0xE01)
TICKETS = 60_000
_SETTINGS = {
    "HEADCOUNT_JWT_SECRET": SECRET,
    "HEADCOUNT_DATABASE": "transfers",
    # The rollups' keeper has open cursors, too.
    "HEADCOUNT_ROLLUPS": "off",
}


def _headers(caller: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token(role='admin', sub=caller)}"}


class Served:
    """A server process, and a client of its mongod, which holds many tickets."""

    def __init__(self, process: Command, port: int, uri: str) -> None:
        self.process = process
        self._port = port
        # Short, as a test may kill the database.
        self.client = MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=2000)
        self.open: list[tuple[socket.socket, HTTPResponse]] = []

    @property
    def database(self) -> Database[dict[str, Any]]:
        return self.client["transfers"]

    def get(
        self, path: str, *, seconds: Any = PATIENCE, encoding: str = "identity", **parameters: str
    ) -> HTTPResponse:
        """A response whose body is not read yet; a small receive buffer delays the server.

        Each is another caller's: one has half of the slots at most.
        """
        headers = _headers(f"caller {len(self.open)}") | {"accept-encoding": encoding}
        connection = HTTPConnection("127.0.0.1", self._port, timeout=seconds)
        connection.sock = sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(seconds)
        try:
            sock.connect(("127.0.0.1", self._port))
            connection.request("GET", f"{path}?{urlencode(parameters)}", headers=headers)
            response = connection.getresponse()
        except OSError:
            connection.close()
            raise
        self.open.append((sock, response))
        return response

    def leave(self) -> None:
        """Closes all connections."""
        for connection, response in self.open:
            connection.close()
            response.close()
        self.open.clear()

    def cursors(self) -> int:
        """The number of open cursors of the database."""
        status = self.client.admin.command("serverStatus")
        found: int = status["metrics"]["cursor"]["open"]["total"]
        return found

    def log(self) -> str:
        """Ends the server, and returns its log."""
        self.process.terminate()
        return self.process.communicate(timeout=PATIENCE)[1]


def _tickets() -> list[dict[str, Any]]:
    random, created_at = Random(1), datetime(2026, 5, 1, tzinfo=UTC)
    return [
        {
            "_id": ObjectId(f"{number:024x}"), "event_id": EVENT, "status": "available",
            "customer_id": ObjectId(f"{random.getrandbits(96):024x}"), "created_at": created_at,
            # Incompressible.
            "wallet": {"barcode": f"{random.getrandbits(800):x}"},
        }
        for number in range(TICKETS)
    ]  # fmt: skip


@contextmanager
def _many_tickets(folder: Path) -> Iterator[str]:
    """The URI of a new mongod with many tickets of one event."""
    with embedded_mongod(folder) as uri:
        with MongoClient[dict[str, Any]](uri) as client:
            database = client["transfers"]
            database["events"].insert_one(
                {"_id": EVENT, "title": "Large", "event_type": "concert", "mobile_app_ids": ["app"]}
            )
            database["tickets"].create_index([("event_id", 1), ("_id", 1)])
            database["tickets"].insert_many(_tickets(), ordered=False)
        yield uri


@contextmanager
def _serving(folder: Path, uri: str, **changed: str) -> Iterator[Served]:
    settings = {**_SETTINGS, "HEADCOUNT_MONGODB_URI": uri, "HEADCOUNT_REQUEST_TIMEOUT": "5"}
    with running(folder, "serve", **(settings | changed)) as (process, address):
        made = Served(process, int(address.rpartition(":")[2]), uri)
        yield made
        made.leave()
        made.client.close()


@pytest.fixture(scope="module")
def many_tickets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with _many_tickets(tmp_path_factory.mktemp("transfers")) as uri:
        yield uri


@pytest.fixture
def served(many_tickets: str, tmp_path: Path) -> Iterator[Served]:
    """A server over a mongod that other tests use, too."""
    with _serving(tmp_path, many_tickets) as served:
        yield served


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Served]:
    """A server with a mongod of its own, which a test may change or kill."""
    with _many_tickets(tmp_path) as uri, _serving(tmp_path, uri) as served:
        yield served


def _begun(served: Served) -> dict[str, HTTPResponse]:
    """Running transfers of all formats."""
    report = {"mobileAppId": "app"}
    begun = {
        "csv": served.get(url(EVENT), format="csv", **report),
        "xlsx": served.get(url(EVENT), format="xlsx", **report),
        "json": served.get(URL, format="json"),
    }
    for response in begun.values():
        assert response.status == 200
        assert len(response.read(20_000)) == 20_000
    return begun


def test_the_death_of_the_database_truncates_every_transfer(alone: Served) -> None:
    begun = _begun(alone)
    os.kill(alone.client.admin.command("serverStatus")["pid"], signal.SIGKILL)
    for response in begun.values():
        with pytest.raises(IncompleteRead):
            response.read()
    late = alone.get(URL, format="json")
    assert late.status == 503
    assert late.getheader("retry-after") == "5"
    figures = alone.get("/metrics").read().decode()
    for path in (URL, TICKET_REPORT_ROUTE):
        counted = f'headcount_http_responses_broken_off_total{{route="{path}"}}'
        assert f"{counted} {2 if path != URL else 1}.0" in figures
    logged = alone.log()
    assert logged.count("export failed during the transfer") == 3


def test_the_death_of_the_database_truncates_a_compressed_transfer(alone: Served) -> None:
    response = alone.get(URL, format="json", encoding="gzip")
    assert response.getheader("content-encoding") == "gzip"
    unpacked = zlib.decompressobj(wbits=31)
    assert unpacked.decompress(response.read(20_000)).startswith(b'{"generated_at"')
    os.kill(alone.client.admin.command("serverStatus")["pid"], signal.SIGKILL)
    with pytest.raises(IncompleteRead) as raised:
        response.read()
    unpacked.decompress(raised.value.partial)
    assert not unpacked.eof


def test_a_disconnect_ends_a_compressed_transfer(served: Served) -> None:
    before = served.cursors()
    response = served.get(URL, format="json", encoding="gzip")
    assert len(response.read(20_000)) == 20_000
    assert served.cursors() > before
    served.leave()
    deadline = time.monotonic() + PATIENCE
    while served.cursors() > before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "export cancelled: the client disconnected" in served.log()


def test_a_stopping_server_closes_its_cursors_and_logs_it(served: Served) -> None:
    before = served.cursors()
    _begun(served)
    logged = served.log()
    assert logged.count("export cancelled") == 3
    assert "Traceback" not in logged
    assert served.cursors() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stopping_server_completes_transfers(
    many_tickets: str, tmp_path: Path, workers: str, number: signal.Signals
) -> None:
    settings = {"HEADCOUNT_REQUEST_TIMEOUT": f"{PATIENCE}", "HEADCOUNT_WORKERS": workers}
    with _serving(tmp_path, many_tickets, **settings) as served:
        response = served.get(URL, format="json")
        start = response.read(20_000)
        served.process.send_signal(number)
        deadline = time.monotonic() + PATIENCE
        # Until nothing listens any more, or only the supervisor, which accepts no connection.
        with suppress(OSError):
            while time.monotonic() < deadline:
                served.get("/healthz", seconds=2).read()
        assert served.process.poll() is None
        (event,) = json.loads(start + response.read())["events"]
        assert len(event["tickets"]) == TICKETS
        assert served.process.wait(PATIENCE) == 0


def test_a_disconnect_closes_the_cursor(served: Served) -> None:
    before = served.cursors()
    begun = _begun(served)
    assert served.cursors() >= before + len(begun)
    served.leave()
    deadline = time.monotonic() + PATIENCE
    while served.cursors() > before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # The disconnect has released its slot.
    _begun(served)
    served.leave()
    assert served.log().count("export cancelled: the client disconnected") >= 3


def test_a_file_is_read_at_one_cluster_time(alone: Served) -> None:
    response = alone.get(URL, format="json")
    start = response.read(20_000)
    alone.database["tickets"].delete_many({"_id": {"$gt": ObjectId(f"{TICKETS // 2:024x}")}})
    alone.database["tickets"].update_many({}, {"$set": {"status": "consumed"}})
    (event,) = json.loads(start + response.read())["events"]
    assert event["tickets_issued"] == event["ticket_status"]["available"] == TICKETS
    assert len(event["tickets"]) == TICKETS
    assert {ticket["status"] for ticket in event["tickets"]} == {"available"}


def test_a_snapshot_that_is_too_old_truncates_the_transfer(alone: Served) -> None:
    alone.client.admin.command({"setParameter": 1, "minSnapshotHistoryWindowInSeconds": 0})
    response = alone.get(URL, format="json")
    response.read(20_000)
    for number in range(40):
        alone.database["users"].insert_one({"_id": number})
        time.sleep(0.1)
    with pytest.raises(IncompleteRead):
        response.read()
    assert "minSnapshotHistoryWindowInSeconds" in alone.log()


def test_http_1_0_is_rejected(served: Served) -> None:
    def request(path: str, format: str) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", served._port, timeout=PATIENCE)
        connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"  # type: ignore[attr-defined]
        query = urlencode({"format": format, "mobileAppId": "app"})
        connection.request("GET", f"{path}?{query}", headers=_headers("another"))
        sock, response = connection.sock, connection.getresponse()
        served.open.append((sock, response))
        return response

    for format in ("csv", "xlsx", "json"):
        refused = request(url(EVENT), format)
        assert refused.status == 426
        assert refused.getheader("upgrade") == "HTTP/1.1"


def test_other_requests_are_answered_during_transfers(served: Served) -> None:
    _begun(served)
    assert served.get("/readyz").status == 200
