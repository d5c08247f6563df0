"""The denylist of a server: a file or a collection, heeded while the server runs."""

import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from structlog.testing import capture_logs

from errors import StartupError
from server import denylist
from server.denylist import check_denylist, following_denylist
from server.http import application as app
from server.metrics import PrometheusMetrics
from server.settings import Settings
from tests.commands import Mongod, run, running
from tests.conftest import SECRET, client, post, token
from tests.issuer import until

VIEWER = "{ viewer { role } }"
SECRETS = ("one of the secrets that sign tokens", "the other secret that verifies tokens")
REVOKED = "The token was revoked: get a new one."


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.denylist._INTERVAL_SECONDS", 0.02)


class Served:
    """A client of a server with a denylist, and its metrics."""

    def __init__(self, http: httpx.AsyncClient, metrics: PrometheusMetrics) -> None:
        self.http = http
        self._metrics = metrics

    async def refusal(self, bearer: str) -> str | None:
        """Why a token is refused; None if it is not."""
        response = await post(self.http, VIEWER, bearer)
        if response.status_code == 200:
            return None
        (error,) = response.json()["errors"]
        assert (response.status_code, error["extensions"]) == (401, {"code": "UNAUTHENTICATED"})
        return str(error["message"])

    def figure(self, name: str, **labels: str) -> float:
        return self._metrics.registry.get_sample_value(name, labels) or 0

    async def read_again(self, outcome: str = "ok") -> None:
        """Waits for two reads with an outcome: the first may have begun before."""

        def reads() -> float:
            return self.figure("headcount_denylist_reads_total", outcome=outcome)

        before = reads()
        await until(lambda: reads() >= before + 2)


@asynccontextmanager
async def _served(database: AsyncDatabase[dict[str, Any]], source: object) -> AsyncIterator[Served]:
    settings = Settings(
        database=database.name, jwt_secret=SecretStr(SECRET), jwt_denylist=str(source)
    )
    metrics = PrometheusMetrics()
    verifier = settings.verifier()
    application = app.create(settings, database, metrics, verifier=verifier)
    async with (
        following_denylist(settings, database, verifier.denylist, metrics.denylist_read),
        client(application) as http,
    ):
        yield Served(http, metrics)


def _write(file: Path, *entries: Mapping[str, Any] | str) -> None:
    lines = (each if isinstance(each, str) else json.dumps(each) for each in entries)
    new = file.with_suffix(".new")
    new.write_text("".join(f"{line}\n" for line in lines))
    new.rename(file)


def _break(file: Path, content: str | None) -> None:
    if content is None:
        file.unlink()
    else:
        _write(file, content)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "denylist"
    _write(file, {"jti": "early"})
    return file


@pytest.fixture
def collection(mongo: Database[dict[str, Any]]) -> Iterator[str]:
    name = f"denylist_{uuid4().hex}"
    yield name
    mongo.drop_collection(name)


async def test_a_changed_file_is_heeded(
    database: AsyncDatabase[dict[str, Any]], file: Path
) -> None:
    async with _served(database, file) as server:
        assert await server.refusal(token(jti="early")) == REVOKED
        assert await server.refusal(token(jti="late")) is None
        _write(file, {"jti": "late"}, {"sub": "x", "issuedBefore": datetime.now(UTC).isoformat()})
        await server.read_again()
        assert await server.refusal(token(jti="early")) is None
        assert await server.refusal(token(jti="late")) == REVOKED
        assert await server.refusal(token(sub="x", iat=1)) == REVOKED
        assert server.figure("headcount_denylist_entries") == 2


@pytest.mark.parametrize("broken", [None, '{"jti": "late"}\n{"jti"', "{}"])
async def test_the_last_good_list_stays_in_use_while_the_file_can_not_be_read(
    database: AsyncDatabase[dict[str, Any]], file: Path, broken: str | None
) -> None:
    async with _served(database, file) as server:
        with capture_logs() as logs:
            _break(file, broken)
            await server.read_again("failed")
            assert await server.refusal(token(jti="early")) == REVOKED
            assert await server.refusal(token(jti="late")) is None
            _write(file, {"jti": "late"})
            await server.read_again()
        assert await server.refusal(token(jti="late")) == REVOKED
    # A failure is logged once, however many reads fail.
    events = [each for each in logs if "denylist" in each["event"]]
    assert [each["event"] for each in events] == [
        "the denylist can't be read",
        "the denylist is read",
    ]
    assert ("line" in events[0]["reason"]) is (broken is not None)


async def test_a_file_whose_server_is_away_does_not_hold_up_what_follows(
    database: AsyncDatabase[dict[str, Any]], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, back, read_bytes = Event(), Event(), Path.read_bytes

    def read(path: Path) -> bytes:
        if away.is_set() and path == file:
            back.wait()
        return read_bytes(path)

    monkeypatch.setattr(denylist, "_READ_SECONDS", 0.05)
    monkeypatch.setattr(Path, "read_bytes", read)
    async with _served(database, file) as server:
        away.set()
        with capture_logs() as logs:
            for _ in range(denylist._HANGING_MAX + 2):
                await server.read_again("failed")
        assert len(logs) == 1
        assert await server.refusal(token(jti="early")) == REVOKED
        away.clear()
        back.set()
        _write(file, {"jti": "late"})
        await server.read_again()
        assert await server.refusal(token(jti="late")) == REVOKED


async def test_a_pipe_is_no_denylist(database: AsyncDatabase[dict[str, Any]], file: Path) -> None:
    async with _served(database, file) as server:
        _break(file, None)
        os.mkfifo(file)
        with capture_logs() as logs:
            await server.read_again("failed")
        assert "not a file" in logs[0]["reason"]
        assert await server.refusal(token(jti="early")) == REVOKED


async def test_a_changed_collection_is_heeded(
    database: AsyncDatabase[dict[str, Any]], mongo: Database[dict[str, Any]], collection: str
) -> None:
    mongo[collection].insert_one({"jti": "early"})
    async with _served(database, f"collection:{collection}") as server:
        assert await server.refusal(token(jti="early")) == REVOKED
        mongo[collection].delete_many({})
        entries: list[dict[str, Any]] = [
            {"jti": "late"},
            {"sub": "x", "issuedBefore": datetime.now(UTC), "expiresAt": datetime.now(UTC)},
        ]
        mongo[collection].insert_many(entries)
        await server.read_again()
        assert await server.refusal(token(jti="early")) is None
        assert await server.refusal(token(jti="late")) == REVOKED
        assert await server.refusal(token(sub="x", iat=1)) == REVOKED
        mongo[collection].insert_one({"_id": "odd", "subject": "y"})
        with capture_logs() as logs:
            await server.read_again("failed")
        assert "document 'odd'" in logs[0]["reason"]
        assert await server.refusal(token(jti="late")) == REVOKED


async def test_the_last_good_list_stays_in_use_while_the_database_is_away(tmp_path: Path) -> None:
    with Mongod(tmp_path) as mongod:
        with MongoClient[dict[str, Any]](mongod.uri) as writer:
            writer["headcount"]["denylist"].insert_one({"jti": "early"})
        uri = f"{mongod.uri}&serverSelectionTimeoutMS=100"
        async with (
            AsyncMongoClient[dict[str, Any]](uri) as client,
            _served(client["headcount"], "collection:denylist") as server,
        ):
            mongod.kill()
            await server.read_again("failed")
            assert await server.refusal(token(jti="early")) == REVOKED
            mongod.start()
            await server.read_again()
            assert await server.refusal(token(jti="late")) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["HEADCOUNT_JWT_DENYLIST", "No such file", "Create it"]),
        ('{"jti": "a"}\n{"jti": 1.5}\n', ["HEADCOUNT_JWT_DENYLIST", "line 2", "'jti'"]),
    ],
)
def test_a_file_that_can_not_be_read_stops_the_start(
    tmp_path: Path, mongodb_uri: str, content: str | None, words: list[str]
) -> None:
    if content is not None:
        (tmp_path / "denylist").write_text(content)
    settings = {
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_JWT_DENYLIST": "denylist",
        "HEADCOUNT_PORT": "0",
    }
    result = run(tmp_path, "serve", **settings)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    for word in words:
        assert word in line


def test_a_malformed_document_stops_the_start(
    mongo: Database[dict[str, Any]], collection: str
) -> None:
    settings = Settings(jwt_denylist=f"collection:{collection}")
    # A collection that does not exist yet revokes nothing.
    check_denylist(settings, mongo)
    mongo[collection].insert_one({"_id": 7, "sub": ""})
    with pytest.raises(StartupError, match=r"JWT_DENYLIST: collection:denylist_.* document 7: "):
        check_denylist(settings, mongo)


def test_headcount_serve_heeds_the_denylist_and_warns_of_claims(
    tmp_path: Path, mongodb_uri: str
) -> None:
    settings = {
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_deny_{uuid4().hex[:12]}",
        "HEADCOUNT_JWT_SECRETS": ",".join(SECRETS),
        "HEADCOUNT_JWT_DENYLIST": str(tmp_path / "denylist"),
        "HEADCOUNT_JWT_AUDIENCE": "kpis",
        "HEADCOUNT_ROLLUPS": "off",
    }
    _write(tmp_path / "denylist", {"jti": "early"})
    log = tmp_path / "log"
    with running(tmp_path, "serve", log=str(log), **settings) as (_, url):

        def status(secret: str, **claims: Any) -> int:
            bearer = token(secret, aud="kpis", **claims)
            headers = {"authorization": f"Bearer {bearer}"}
            response = httpx.post(f"{url}/graphql", json={"query": VIEWER}, headers=headers)
            return response.status_code

        for secret in SECRETS:
            assert status(secret, jti="early") == 401
            assert status(secret, jti="late") == 200
        _write(tmp_path / "denylist", {"jti": "late"})
        while status(SECRETS[0], jti="late") == 200:
            pass
    written = log.read_text()
    assert "HEADCOUNT_JWT_ISSUER" in written
    assert "HEADCOUNT_JWT_AUDIENCE" not in written
