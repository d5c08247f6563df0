"""Requests to `/graphql` while the server of the key set is slow, silent, away or wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo.asynchronous.database import AsyncDatabase

from server.http import application as app
from server.settings import Settings
from tests.commands import ask, running
from tests.conftest import client, post
from tests.issuer import KeyServer, signed

VIEWER = "{ viewer { role } }"
EXPORT = "/api/v1/admin/events-dashboard/events/export?format=json"
PATIENCE = 100.0
"""Seconds that a read of the key set may take, where a test needs it to go on."""


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with KeyServer().running() as keys:
        yield keys


@pytest.fixture
async def http(
    database: AsyncDatabase[dict[str, Any]], keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that verifies tokens with the key set only, and waits long for it."""
    monkeypatch.setattr("server.settings.READ_SECONDS", PATIENCE)
    settings = Settings(database=database.name, jwt_jwks=keys.url, request_timeout=PATIENCE)
    async with client(app.create(settings, database)) as http:
        yield http


async def _status(http: httpx.AsyncClient, bearer: str) -> int:
    return int((await post(http, VIEWER, bearer)).status_code)


async def test_forged_tokens_do_not_delay_callers_with_a_cached_kid(
    http: httpx.AsyncClient, keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await _status(http, signed()) == 200
    keys.answers.clear()
    monkeypatch.setattr("auth.key_sets._PAUSE_SECONDS", 0)
    forged = [
        asyncio.create_task(_status(http, signed(kid=f"forged-{number}"))) for number in range(10)
    ]
    await keys.asked(2)
    monkeypatch.setattr("auth.key_sets._PAUSE_SECONDS", PATIENCE)
    assert await _status(http, signed()) == 200
    headers = {"authorization": f"Bearer {signed()}"}
    assert (await http.get(EXPORT, headers=headers)).status_code == 200
    assert not any(each.done() for each in forged)
    keys.answers.set()
    assert await asyncio.gather(*forged) == [401] * 10
    assert keys.requests == 2


async def test_a_silent_key_server_delays_a_request_no_longer_than_its_limit(
    database: AsyncDatabase[dict[str, Any]], keys: KeyServer
) -> None:
    keys.answers.clear()
    settings = Settings(database=database.name, jwt_jwks=keys.url, request_timeout=0.2)
    async with client(app.create(settings, database)) as http:
        response = await post(http, VIEWER, signed())
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.json()["errors"] == [
        {
            "message": "The key set can't be fetched: retry in 5 s.",
            "extensions": {"code": "SERVICE_UNAVAILABLE"},
        }
    ]


async def test_reads_of_the_key_set_are_counted(
    http: httpx.AsyncClient, keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.key_sets._FIRST_PAUSE_SECONDS", 0)
    keys.status = 500
    assert await _status(http, signed()) == 503
    assert "headcount_key_set_timestamp_seconds 0.0" in (await http.get("/metrics")).text
    keys.status = 200
    assert await _status(http, signed()) == 200
    figures = (await http.get("/metrics")).text
    for outcome in ("ok", "failed"):
        assert f'headcount_key_set_fetches_total{{outcome="{outcome}"}} 1.0' in figures
    assert "headcount_key_set_timestamp_seconds 0.0" not in figures


def test_headcount_serve_starts_while_the_key_server_is_silent(
    tmp_path: Path, mongodb_uri: str, keys: KeyServer
) -> None:
    keys.answers.clear()
    settings = {
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_keys_{uuid4().hex[:12]}",
        "HEADCOUNT_JWT_JWKS": keys.url,
        "HEADCOUNT_ROLLUPS": "off",
    }
    with running(tmp_path, "serve", **settings) as (_, url):
        keys.answers.set()
        assert ask(url, signed(), VIEWER) == {"data": {"viewer": {"role": "ADMIN"}}}
