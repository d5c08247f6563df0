"""The server's names: `Host`, forwarded headers of proxies, and the public URL in links."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo.asynchronous.database import AsyncDatabase
from structlog.testing import capture_logs

from server.http import application as app
from server.settings import Settings
from tests.conftest import post, token

Made = Callable[..., httpx.AsyncClient]

_LINK = "{ exportLink(report: EVENTS_DASHBOARD, format: CSV) { url } }"
_ADMIN = token(role="admin")
_PUBLIC = "https://kpis.example.com:8443/headcount"


@pytest.fixture
def made(database: AsyncDatabase[dict[str, Any]], server_settings: Settings) -> Made:
    """Makes a client of a server with some settings; `peer` is the address it connects from."""

    def make(peer: str = "203.0.113.9", **settings: Any) -> httpx.AsyncClient:
        changed = Settings.model_validate(server_settings.model_dump() | settings)
        transport = httpx.ASGITransport(app.create(changed, database), client=(peer, 4711))
        return httpx.AsyncClient(transport=transport, base_url="http://headcount.test")

    return make


async def _link(http: httpx.AsyncClient, **headers: str) -> str:
    """The part of a link before the path of the API."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    http.headers.update(headers)
    response = await post(http, _LINK, _ADMIN)
    url = str(response.json()["data"]["exportLink"]["url"])
    return url.partition("/api/v1/admin/")[0]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("kpis.example.com", 200),
        ("KPIs.Example.com.", 200),
        ("kpis.example.com:8443", 200),
        ("[::1]:8000", 200),
        ("kpis.example.com.evil.com", 421),
        ("evil.com", 421),
        ("a.kpis.example.com", 421),
        ("[::2]", 421),
    ],
)
async def test_only_allowed_hosts_are_served(made: Made, host: str, status: int) -> None:
    async with made(allowed_hosts="kpis.example.com:443,[::1]") as http:
        response = await http.get("/schema.graphql", headers={"host": host})
        assert response.status_code == status
        if status == 421:
            error = response.json()["errors"][0]
            assert error["extensions"] == {"code": "MISDIRECTED_REQUEST"}
            assert host in error["message"]


async def test_a_refused_host_has_no_effect(made: Made) -> None:
    async with made(allowed_hosts="kpis.example.com") as http:
        assert (await post(http, _LINK, _ADMIN)).status_code == 421


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_may_use_any_host(made: Made, path: str) -> None:
    async with made(allowed_hosts="kpis.example.com") as http:
        assert (await http.get(path, headers={"host": "10.0.0.7:8000"})).status_code == 200


@pytest.mark.parametrize("host", ["", "a b", "a/b", "evil.com@kpis.example.com", "a:b", "[::1"])
@pytest.mark.parametrize("path", ["/healthz", "/schema.graphql"])
async def test_an_invalid_host_is_refused(made: Made, path: str, host: str) -> None:
    async with made() as http:
        assert (await http.get(path, headers={"host": host})).status_code == 400


@pytest.mark.parametrize(
    ("settings", "headers", "link"),
    [
        ({}, {}, "http://headcount.test"),
        (
            {},
            {"x_forwarded_host": "evil.com", "x_forwarded_proto": "https"},
            "http://headcount.test",
        ),
        (
            {"peer": "127.0.0.1"},
            {"x_forwarded_host": "kpis.example.com:8443", "x_forwarded_proto": "https"},
            "https://kpis.example.com:8443",
        ),
        (
            {"peer": "10.1.2.3", "forwarded_allow_ips": "10.0.0.0/8,::1"},
            {"x_forwarded_host": "by-client.com, kpis.example.com"},
            "http://kpis.example.com",
        ),
        (
            {"peer": "::ffff:10.1.2.3", "forwarded_allow_ips": "10.0.0.0/8"},
            {"x_forwarded_host": "kpis.example.com"},
            "http://kpis.example.com",
        ),
        ({"forwarded_allow_ips": "*"}, {"x_forwarded_host": "a.example"}, "http://a.example"),
        ({"public_url": _PUBLIC}, {}, _PUBLIC),
        ({"public_url": f"{_PUBLIC}/"}, {"host": "evil.com"}, _PUBLIC),
        (
            {"public_url": _PUBLIC, "peer": "127.0.0.1"},
            {"x_forwarded_host": "evil.com", "x_forwarded_proto": "http"},
            _PUBLIC,
        ),
    ],
)
async def test_a_link_leads_to_the_server_as_clients_reach_it(
    made: Made, settings: dict[str, str], headers: dict[str, str], link: str
) -> None:
    async with made(**settings) as http:
        assert await _link(http, **headers) == link


async def test_a_forwarded_host_must_be_allowed(made: Made) -> None:
    async with made("127.0.0.1", allowed_hosts="kpis.example.com") as http:
        for forwarded, status in (("kpis.example.com", 200), ("evil.com", 421), ("a b", 400)):
            headers = {"x-forwarded-host": forwarded}
            assert (await http.get("/schema.graphql", headers=headers)).status_code == status


async def test_a_public_url_is_not_replaced_by_the_host_in_a_redirect(made: Made) -> None:
    async with made(public_url=_PUBLIC) as http:
        assert (await http.get("/schema.graphql/")).status_code == 404
    async with made() as http:
        assert (await http.get("/schema.graphql/")).status_code == 307


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("::ffff:203.0.113.9", None, "203.0.113.9"),
    ],
)
async def test_the_log_has_the_address_of_the_client(
    made: Made, peer: str, forwarded: str | None, client: str
) -> None:
    headers = {"x-request-id": uuid4().hex} | ({"x-forwarded-for": forwarded} if forwarded else {})
    async with made(peer) as http:
        with capture_logs() as log:
            await http.get("/healthz", headers=headers)
    assert [entry["client"] for entry in log if entry["event"] == "request"] == [client]
