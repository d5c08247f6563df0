"""The reference's paths in a process that never had a database."""

from collections.abc import AsyncIterator

import httpx
import pytest

from server.http import application as app
from server.settings import Settings
from tests.conftest import client, token
from tests.exports.test_events_dashboard import URL
from tests.rest.reference import EVENTS_DASHBOARD
from tests.rest.test_requests import IN_PATH, PATHS, TICKETS
from tests.strategies import oid

REPORT_FILE = f"/api/v1/organizer/report/events/{oid(1)}/tickets/export?mobileAppId=a"
ADMIN = {"authorization": f"Bearer {token(role='admin')}"}
STAFF = {"authorization": f"Bearer {token(role='staff')}"}


@pytest.fixture(scope="module")
async def unconnected(server_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app.create(server_settings, None)) as http:
        yield http


@pytest.mark.parametrize("path", [*PATHS, URL, REPORT_FILE])
async def test_every_path_says_that_the_database_is_away(
    unconnected: httpx.AsyncClient, path: str
) -> None:
    for headers in (ADMIN, ADMIN | {"if-none-match": "*"}):
        response = await unconnected.get(path, headers=headers)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "5"
        body = response.json()
        assert body["detail"] == "The database can't be reached."
        assert body["errors"][0]["extensions"] == {"code": "SERVICE_UNAVAILABLE"}


@pytest.mark.parametrize("path", [*PATHS, URL, REPORT_FILE])
async def test_what_is_wrong_with_a_request_is_said_first(
    unconnected: httpx.AsyncClient, path: str
) -> None:
    assert (await unconnected.get(path)).status_code == 401
    assert (await unconnected.post(path)).status_code == 405
    assert (await unconnected.get(f"/x{path}", headers=ADMIN)).status_code == 404
    assert (await unconnected.get(path, headers=STAFF)).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{EVENTS_DASHBOARD}/events?limit=0", 422),
        (f"{EVENTS_DASHBOARD}/events/x", 404),
        (f"{TICKETS}&limit=1", 422),
        (IN_PATH.replace(str(oid(0xE01)), "x"), 404),
        (f"{URL}?format=pdf", 422),
        (REPORT_FILE.replace(str(oid(1)), "x"), 404),
        ("/metrics/nothing", 404),
    ],
)
async def test_bad_parameters_and_paths_are_refused_first(
    unconnected: httpx.AsyncClient, path: str, status: int
) -> None:
    assert (await unconnected.get(path, headers=ADMIN)).status_code == status


async def test_probes_tell_it(unconnected: httpx.AsyncClient) -> None:
    assert (await unconnected.get("/healthz")).status_code == 200
    assert (await unconnected.get("/readyz")).status_code == 503
    assert (await unconnected.get("/metrics")).status_code == 200
