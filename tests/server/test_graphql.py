"""GraphQL over HTTP: tokens, media types, invalid requests, limits, failures."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from graphql import get_introspection_query
from pymongo.asynchronous.database import AsyncDatabase

from cubes.cube import Slice
from exports.addresses import EVENTS_DASHBOARD_ROUTE
from server.database import connect
from server.http import application as app
from server.http.graphql_responses import GRAPHQL_RESPONSE
from server.metrics import PrometheusMetrics
from server.mongodb_events import CommandTimer
from server.settings import Settings
from tests.conftest import SECRET, Dataset, Sent, another_connection, client, post, token
from tests.operations import every_field
from tests.proxy import Proxy
from tests.strategies import nasty

ONE = ("STAFF", ["VIEW_CUSTOMERS"])
VIEWER = "{ viewer { subject role permissions organizerId expiresAt } }"


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


async def _refused(http: httpx.AsyncClient, bearer: str | None) -> str:
    response = await post(http, VIEWER, bearer)
    body = response.json()
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert set(body) == {"errors"}
    assert body["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    return str(body["errors"][0]["message"])


# ---------------------------------------------------------------- tokens


async def test_a_missing_token_is_rejected(http: httpx.AsyncClient) -> None:
    assert "Authorization: Bearer" in await _refused(http, None)


async def test_introspection_requires_a_token(http: httpx.AsyncClient) -> None:
    response = await post(http, get_introspection_query(), None)
    assert response.status_code == 401


@pytest.mark.parametrize(
    "bearer",
    [
        "x",
        "a.b.c",
        token()[:-2],
        token(secret="another secret, and just as long as it has to be"),
        token(exp=None),
        token(exp="soon"),
        token(exp=float("inf")),
        token(exp=[1]),
        token(algorithm="HS512"),
        token(secret="", algorithm="none"),
    ],
)
async def test_an_invalid_token_is_rejected(http: httpx.AsyncClient, bearer: str) -> None:
    await _refused(http, bearer)


async def test_a_token_that_names_rs256_but_is_signed_with_the_secret_is_rejected(
    http: httpx.AsyncClient,
) -> None:
    header, payload, _ = token().split(".")
    claims = {"alg": "RS256", "typ": "JWT"}
    import base64
    import hashlib
    import hmac

    header = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    signature = hmac.digest(SECRET.encode(), f"{header}.{payload}".encode(), hashlib.sha256)
    signed = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    await _refused(http, f"{header}.{payload}.{signed}")


async def test_an_rs256_token_is_rejected_without_a_key_set(http: httpx.AsyncClient) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    await _refused(http, token(secret=pem.decode(), algorithm="RS256"))


@pytest.mark.parametrize(("claim", "away"), [("exp", -20), ("nbf", 20), ("iat", 20)])
async def test_clocks_may_differ_by_thirty_seconds(
    http: httpx.AsyncClient, claim: str, away: int
) -> None:
    claims: dict[str, Any] = {claim: _now() + away}
    response = await post(http, VIEWER, token(**claims))
    assert response.status_code == 200


@pytest.mark.parametrize(("claim", "away"), [("exp", -60), ("nbf", 60), ("iat", 60)])
async def test_clocks_may_not_differ_by_a_minute(
    http: httpx.AsyncClient, claim: str, away: int
) -> None:
    claims: dict[str, Any] = {claim: _now() + away}
    await _refused(http, token(**claims))


async def test_an_expired_token_is_reported(http: httpx.AsyncClient) -> None:
    assert "expired" in await _refused(http, token(exp=_now() - 60))
    assert "'exp'" in await _refused(http, token(exp=None))


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"role": "admin"}, ("ADMIN", ["VIEW_CUSTOMERS", "MANAGE_INVENTORY"])),
        ({"role": "ADMIN"}, ("ADMIN", ["VIEW_CUSTOMERS", "MANAGE_INVENTORY"])),
        ({"user_type": "admin"}, ("ADMIN", ["VIEW_CUSTOMERS", "MANAGE_INVENTORY"])),
        ({"is_admin": True}, ("ADMIN", ["VIEW_CUSTOMERS", "MANAGE_INVENTORY"])),
        ({"is_admin": "true"}, ("CUSTOMER", [])),
        ({"is_admin": 1}, ("CUSTOMER", [])),
        ({"role": "customer", "user_type": "admin", "is_admin": True}, ("CUSTOMER", [])),
        ({"role": "root", "user_type": "admin"}, ("CUSTOMER", [])),
        ({"user_type": "Staff", "is_admin": True}, ("STAFF", [])),
        ({"role": ["admin"]}, ("CUSTOMER", [])),
        ({"role": "staff", "permissions": ["fly", 3, "view_customers"]}, ONE),
        ({"role": "staff", "permissions": "view_customers"}, ("STAFF", [])),
        ({"role": "staff", "permissions": ["VIEW_CUSTOMERS"]}, ("STAFF", [])),
        ({"role": "organizer", "permissions": ["view_customers"]}, ("ORGANIZER", [])),
        ({}, ("CUSTOMER", [])),
    ],
)  # fmt: skip
async def test_claims_make_the_viewer(
    http: httpx.AsyncClient, claims: dict[str, Any], expected: tuple[str, list[str]]
) -> None:
    viewer = (await post(http, VIEWER, token(**claims))).json()["data"]["viewer"]
    assert (viewer["role"], viewer["permissions"]) == expected


async def test_viewer_returns_role_and_permissions_of_the_token(http: httpx.AsyncClient) -> None:
    bearer = token(role="organizer", organizer_id="o-1", exp=4_102_444_800)
    assert (await post(http, VIEWER, bearer)).json() == {
        "data": {
            "viewer": {
                "subject": "caller",
                "role": "ORGANIZER",
                "permissions": [],
                "organizerId": "o-1",
                "expiresAt": "2100-01-01T00:00:00.000+00:00",
            }
        }
    }


async def test_claims_of_wrong_types_are_ignored(http: httpx.AsyncClient) -> None:
    bearer = token(sub=[7], organizer_id=["o"], jti=3, exp=10**15)
    viewer = (await post(http, VIEWER, bearer)).json()["data"]["viewer"]
    assert (viewer["subject"], viewer["organizerId"], viewer["expiresAt"]) == (None, None, None)


async def test_audience_and_issuer_are_checked_if_configured(
    database: AsyncDatabase[dict[str, Any]], server_settings: Settings
) -> None:
    settings = server_settings.model_copy(update={"jwt_audience": "kpis", "jwt_issuer": "us"})
    async with client(app.create(settings, database)) as http:
        assert (await post(http, VIEWER, token(aud="kpis", iss="us"))).status_code == 200
        assert (await post(http, VIEWER, token(aud=["x", "kpis"], iss="us"))).status_code == 200
        for claims in ({}, {"aud": "kpis"}, {"iss": "us"}, {"aud": "kpi", "iss": "us"}):
            await _refused(http, token(**claims))


async def test_an_audience_is_ignored_if_none_is_configured(http: httpx.AsyncClient) -> None:
    assert (await post(http, VIEWER, token(aud="any", iss="any"))).status_code == 200


# ---------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("accept", "media_type", "status"),
    [
        ("application/graphql-response+json", "application/graphql-response+json", 400),
        ("application/json", "application/json", 200),
        ("*/*", "application/json", 200),
    ],
)
async def test_the_media_type_decides_the_status_of_rejected_operations(
    http: httpx.AsyncClient, accept: str, media_type: str, status: int
) -> None:
    headers = {"authorization": f"Bearer {token()}", "accept": accept}
    response = await http.post("/graphql", json={"query": "{ nothing }"}, headers=headers)
    assert response.headers["content-type"].split(";")[0] == media_type
    assert response.status_code == status
    assert set(response.json()) == {"errors"}
    response = await http.post("/graphql", json={"query": VIEWER}, headers=headers)
    assert response.status_code == 200
    assert set(response.json()) == {"data"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'"{ viewer { role } }"',
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
        b"null",
        b'{"query": 7}',
        b'{"query": ""}',
        b'{"query": "{ viewer { role } }", "variables": [1]}',
        b'{"query": "{ viewer { role } }", "operationName": 7}',
        b'{"query": "{ viewer { role } }", "operationName": "missing"}',
        b'{"query": "{ viewer { role } }", "operationName": "' + b"a" * 800_000 + b'"}',
        b'{"query": "query A { viewer { role } } query B { viewer { subject } }"}',
        b'{"query": "{ eventStats(limit: ' + b"9" * 5000 + b') { total } }"}',
        b'{"query": "query ($n: Int = ' + b"9" * 5000 + b') { eventStats(limit: $n) { total } }"}',
        b'{"query": "{ viewer { role } }", "extensions": "x"}',
        b'{"query": "mutation { x }"}',
        b'{"query": "subscription { x }"}',
        b'[{"query": "{ viewer { role } }"}]',
    ],
)
async def test_an_invalid_request_is_reported(http: httpx.AsyncClient, body: bytes) -> None:
    headers = {
        "authorization": f"Bearer {token()}",
        "content-type": "application/json",
        "accept": "application/graphql-response+json",
    }
    response = await http.post("/graphql", content=body, headers=headers)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert len(response.content) < 1_000


async def test_one_of_several_operations_is_chosen_by_name(http: httpx.AsyncClient) -> None:
    query = "query A { viewer { role } } query B { viewer { subject } }"
    response = await http.post(
        "/graphql",
        json={"query": query, "operationName": "B"},
        headers={"authorization": f"Bearer {token()}"},
    )
    assert response.json() == {"data": {"viewer": {"subject": "caller"}}}


@pytest.mark.parametrize("accept", ["application/graphql-response+json;q=0", "text/plain"])
async def test_an_unaccepted_media_type_is_not_used(http: httpx.AsyncClient, accept: str) -> None:
    headers = {"authorization": f"Bearer {token()}", "accept": accept}
    response = await http.post("/graphql", json={"query": VIEWER}, headers=headers)
    assert response.headers["content-type"] == "application/json"


async def test_a_huge_body_is_rejected(http: httpx.AsyncClient) -> None:
    response = await post(http, "#" * 1_000_001, token())
    assert response.status_code == 413


async def test_queries_may_come_by_get(http: httpx.AsyncClient) -> None:
    response = await http.get(
        "/graphql",
        params={
            "query": "query ($id: ID!) { event(id: $id) { title } }",
            "variables": json.dumps({"id": "0" * 23 + "f"}),
        },
        headers={"authorization": f"Bearer {token(role='admin')}"},
    )
    assert response.json() == {"data": {"event": None}}


async def test_another_method_is_rejected(http: httpx.AsyncClient) -> None:
    response = await http.put("/graphql", headers={"authorization": f"Bearer {token()}"})
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


async def test_a_browser_gets_graphiql_without_a_token(http: httpx.AsyncClient) -> None:
    response = await http.get("/graphql", headers={"accept": "text/html,*/*;q=0.8"})
    assert response.status_code == 200
    assert "graphiql" in response.text.lower()
    assert (await http.get("/graphql")).status_code == 401


async def test_introspection_can_be_turned_off(
    database: AsyncDatabase[dict[str, Any]], server_settings: Settings
) -> None:
    settings = server_settings.model_copy(update={"introspection": False})
    async with client(app.create(settings, database)) as http:
        response = await post(http, get_introspection_query(), token())
        assert "introspection" in response.json()["errors"][0]["message"]
        page = await http.get("/graphql", headers={"accept": "text/html"})
        assert page.status_code == 404
        assert (await post(http, VIEWER, token())).status_code == 200


async def test_the_default_limits_admit_graphiqls_introspection(http: httpx.AsyncClient) -> None:
    query = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True
    )
    response = await post(http, query, token())
    assert "errors" not in response.json()


async def test_the_default_limits_admit_the_largest_page(http: httpx.AsyncClient) -> None:
    query = f"{{ eventStats(limit: 500) {every_field('EventStatsPage')} }}"
    assert "errors" not in (await post(http, query, token(role="admin"))).json()


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ eventStats(limit: 0) { total } }", ["limit", "1 to 500", "0"]),
        ("{ eventStats(limit: 501) { total } }", ["limit", "1 to 500", "501"]),
        ("{ eventStats(limit: -1) { total } }", ["limit", "1 to 500", "-1"]),
        ("{ eventStats(page: -1) { total } }", ["page", "0 or more", "-1"]),
        ("{ event(id: 7) { title } }", ["id", "24 hexadecimal digits", "7"]),
        ('{ event(id: "not an id") { title } }', ["id", "24 hexadecimal digits", "not an id"]),
        ("{ promoCodeStats { topCodes(first: 0) { code } } }", ["first", "1 to 100", "0"]),
        ("{ promoCodeStats { topCodes(first: 101) { code } } }", ["first", "1 to 100", "101"]),
        ("{ eventStats(limit: 3000000000) { total } }", ["limit", "3000000000"]),
        ("{ eventStats(limit: 1000000) { total } }", ["limit", "1 to 500", "1000000"]),
        ("{ eventStats(orderBy: {field: COLOUR}) { total } }", ["COLOUR", "TITLE", "REVENUE"]),
        ("{ eventStats(orderBy: {field: TITLE, direction: UP}) { total } }", ["UP", "ASC", "DESC"]),
        ('{ eventStats(limit: "ten") { total } }', ["ten", "limit"]),
        ("{ eventStats(size: 10) { total } }", ["size"]),
    ],
)
async def test_an_invalid_argument_is_reported_with_valid_values(
    http: httpx.AsyncClient, query: str, words: list[str]
) -> None:
    (error,) = (await post(http, query, token(role="admin"))).json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    for word in words:
        assert word in error["message"]


async def test_an_invalid_variable_is_reported_with_valid_values(http: httpx.AsyncClient) -> None:
    query = "query ($order: EventOrder) { eventStats(orderBy: $order) { total } }"
    response = await post(http, query, token(role="admin"), order={"field": "COLOUR"})
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "COLOUR" in error["message"]
    assert "OCCUPANCY_PCT" in error["message"]


async def test_a_lone_surrogate_is_an_invalid_event_type(http: httpx.AsyncClient) -> None:
    query = "query ($t: String) { eventStats(eventType: $t) { total } }"
    headers = {"authorization": f"Bearer {token(role='admin')}", "content-type": "application/json"}
    body = json.dumps({"query": query, "variables": {"t": "\ud800"}})
    response = await http.post("/graphql", content=body, headers=headers)
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "eventType" in error["message"]


async def test_a_page_beyond_the_last_is_empty(
    http: httpx.AsyncClient, fill: Callable[[Dataset], None]
) -> None:
    fill(nasty())
    query = "{ eventStats(page: 2147483647, limit: 500) { total events { title } } }"
    page = (await post(http, query, token(role="admin"))).json()["data"]["eventStats"]
    assert page == {"total": len(nasty()["events"]), "events": []}


# ---------------------------------------------------------------- failures


@asynccontextmanager
async def _over_a_proxy(
    mongodb_uri: str, settings: Settings
) -> AsyncIterator[tuple[Proxy, httpx.AsyncClient]]:
    proxy = Proxy(mongodb_uri)
    await proxy.open()
    async with (
        connect(proxy.uri, settings) as database,
        client(app.create(settings, database)) as http,
    ):
        yield proxy, http
    await proxy.cut()


@pytest.fixture
async def rebound(
    database: AsyncDatabase[dict[str, Any]], server_settings: Settings
) -> AsyncIterator[None]:
    """Binds the documents to the tests' connection again after the test."""
    import documents

    yield
    await documents.bind(database, server_settings.collections)


async def test_a_server_whose_database_has_just_answered_is_ready_without_a_ping(
    database: AsyncDatabase[dict[str, Any]],
    mongodb_uri: str,
    server_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics = PrometheusMetrics()
    commands = CommandTimer(metrics)

    def pings() -> float:
        labels = {"command": "ping", "outcome": "ok"}
        found = metrics.registry.get_sample_value("headcount_mongodb_command_seconds_count", labels)
        return found or 0

    async with (
        another_connection(database, mongodb_uri, server_settings, commands) as own,
        client(app.create(server_settings, own, metrics, commands=commands)) as http,
    ):
        before = pings()
        await post(http, "{ orderStats { totalOrders } }", token(role="admin"))
        assert (await http.get("/readyz")).json() == {"status": "ok"}
        assert pings() == before
        monkeypatch.setattr(app, "_RECENT_SECONDS", 0)
        assert (await http.get("/readyz")).json() == {"status": "ok"}
        assert pings() == before + 1


async def test_requests_fail_while_the_database_is_unreachable_and_then_recover(
    mongodb_uri: str, server_settings: Settings, rebound: None
) -> None:
    query = "{ viewer { role } orderStats { totalOrders } metrics { totalProducts } }"
    async with _over_a_proxy(mongodb_uri, server_settings) as (proxy, http):
        assert "errors" not in (await post(http, query, token(role="admin"))).json()
        assert (await http.get("/readyz")).status_code == 200

        await proxy.cut()
        response = await post(http, query, token(role="admin"))
        assert response.status_code == 200
        assert response.json()["data"] == {
            "viewer": {"role": "ADMIN"},
            "orderStats": None,
            "metrics": {"totalProducts": None},
        }
        assert {tuple(error["path"]) for error in response.json()["errors"]} == {
            ("orderStats", "totalOrders"),
            ("metrics", "totalProducts"),
        }
        for error in response.json()["errors"]:
            assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/healthz")).status_code == 200

        await proxy.open()
        for _ in range(50):
            response = await post(http, query, token(role="admin"))
            if "errors" not in response.json():
                break
            await asyncio.sleep(0.1)
        assert "errors" not in response.json()
        assert (await http.get("/readyz")).status_code == 200


async def test_a_slow_request_times_out(
    database: AsyncDatabase[dict[str, Any]],
    server_settings: Settings,
    fill: Callable[[Dataset], None],
) -> None:
    fill(nasty())
    settings = server_settings.model_copy(update={"request_timeout": 1e-9})
    async with client(app.create(settings, database)) as http:
        (error,) = (await post(http, "{ orderStats { totalOrders } }", token(role="admin"))).json()[
            "errors"
        ]
    assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
    assert "too long" in error["message"]


async def test_an_unexpected_error_is_masked_and_logged(
    http: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr("resolvers.kpi.units.MONEY.rounded", fail)
    query = "{ orderStats { totalOrders totalRevenue } }"
    response = await post(http, query, token(role="admin"))
    assert "secret cause" not in response.text
    (error,) = response.json()["errors"]
    assert error["path"] == ["orderStats", "totalRevenue"]
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "requestId": response.headers["x-request-id"],
    }
    logged = capsys.readouterr()
    assert "the secret cause" in logged.out + logged.err
    assert response.headers["x-request-id"] in logged.out + logged.err


async def test_a_cause_is_logged_once_with_all_affected_fields(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Slice, "pipeline", lambda _: [{"$nonsense": 1}])
    text = "{ eventsOverview { totalRevenue } orderStats { totalOrders } }"
    response = await post(http, text, token(role="admin"))
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == [
        "INTERNAL_SERVER_ERROR"
    ] * 2
    logged = capsys.readouterr()
    lines = [line for line in (logged.out + logged.err).splitlines() if "fields failed" in line]
    assert len(lines) == 1
    assert "totalRevenue" in lines[0]
    assert "totalOrders" in lines[0]


async def test_an_error_outside_of_fields_has_the_request_id(
    http: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr("server.http.operations.Context", fail)
    response = await post(http, VIEWER, token())
    assert response.status_code == 500
    (error,) = response.json()["errors"]
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "requestId": response.headers["x-request-id"],
    }
    assert "secret cause" not in response.text
    logged = capsys.readouterr()
    assert "the secret cause" in logged.out + logged.err


async def _sending(
    application: Any, messages: list[dict[str, Any]], gone: asyncio.Event, **claims: Any
) -> list[dict[str, Any]]:
    """Sends a POST with these body messages, disconnects on `gone`; returns the sent messages."""
    answered: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answered.append(message)

    headers = [
        (b"host", b"headcount.test"),
        (b"authorization", f"Bearer {token(**claims)}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {
        "type": "http", "method": "POST", "path": "/graphql", "raw_path": b"/graphql",
        "query_string": b"", "headers": headers, "scheme": "http", "root_path": "",
        "server": ("headcount.test", 80), "client": ("127.0.0.1", 1), "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }  # fmt: skip
    await application(scope, receive, send)
    return answered


async def test_a_disconnect_during_the_request_is_no_error(
    database: AsyncDatabase[dict[str, Any]],
    server_settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    part = {"type": "http.request", "body": b"{", "more_body": True}
    application = app.create(server_settings, database)
    gone = asyncio.Event()
    gone.set()
    assert await _sending(application, [part], gone) == []
    logged = capsys.readouterr()
    assert "Traceback" not in logged.out + logged.err


async def test_a_disconnect_cancels_reads_that_no_other_request_shares(
    database: AsyncDatabase[dict[str, Any]],
    server_settings: Settings,
    fill: Callable[[Dataset], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill({"ticket_orders": [{"_id": number} for number in range(300)]})
    slow = {
        "$function": {"body": "function() { sleep(100); return true }", "args": [], "lang": "js"}
    }
    pipeline = Slice.pipeline
    monkeypatch.setattr(
        Slice, "pipeline", lambda self: [{"$match": {"$expr": slow}}, *pipeline(self)]
    )

    async def running() -> int:
        found = database.client.admin.aggregate(
            [{"$currentOp": {}}, {"$match": {"ns": f"{database.name}.ticket_orders"}}]
        )
        return len(await (await found).to_list())

    async def becomes(number: int) -> None:
        for _ in range(200):
            if await running() == number:
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"the number of running aggregations is never {number}")

    query = json.dumps({"query": "{ orderStats { totalOrders } }"})
    part = {"type": "http.request", "body": query.encode()}
    application = app.create(server_settings, database)
    gone = asyncio.Event()
    staying, going = (
        asyncio.create_task(_sending(application, [part], event, role="admin"))
        for event in (asyncio.Event(), gone)
    )
    await becomes(1)
    gone.set()
    assert await going == []
    await asyncio.sleep(0.5)
    assert await running() == 1
    staying.cancel()
    await becomes(0)


async def test_a_body_without_end_times_out(
    database: AsyncDatabase[dict[str, Any]],
    server_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.http.operations.GRACE_SECONDS", 0.1)
    settings = server_settings.model_copy(update={"request_timeout": 0.1})
    part = {"type": "http.request", "body": b"{", "more_body": True}
    start, *_ = await _sending(app.create(settings, database), [part], asyncio.Event())
    assert start["status"] == 503


async def test_an_error_may_quote_a_lone_surrogate(http: httpx.AsyncClient) -> None:
    text = "query ($zone: String!) { dashboardStats(timezone: $zone) { mode } }"
    body = json.dumps({"query": text, "variables": {"zone": "\ud83d"}})
    headers = {"authorization": f"Bearer {token(role='admin')}", "content-type": "application/json"}
    response = await http.post("/graphql", content=body, headers=headers)
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_concurrent_requests_share_an_aggregation(
    http: httpx.AsyncClient, sent: Sent
) -> None:
    sent.commands.clear()
    responses = await asyncio.gather(
        *(post(http, "{ orderStats { totalOrders } }", token(role="admin")) for _ in range(100)),
        *(post(http, "{ orderStats { totalOrders } }", token(role="staff")) for _ in range(5)),
    )
    answers = Counter(
        str([response.json().get(name) for name in ("data", "errors")]) for response in responses
    )
    assert len(answers) == 2
    assert max(answers.values()) == 100
    assert sum("'FORBIDDEN'" in text for text in answers) == 1
    assert 1 <= sent.to("ticket_orders") < 50


async def test_expected_denials_are_not_logged(
    http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await post(http, "{ orderStats { totalRevenue } }", token(role="staff"))
    logged = capsys.readouterr()
    assert "Traceback" not in logged.out + logged.err


# ---------------------------------------------------------------- logs, metrics, CORS


async def test_a_valid_request_id_of_the_client_is_used(http: httpx.AsyncClient) -> None:
    response = await http.get("/healthz", headers={"x-request-id": "abc-1"})
    assert response.headers["x-request-id"] == "abc-1"
    response = await http.get("/healthz", headers={"x-request-id": "a b\tc"})
    assert response.headers["x-request-id"] != "a b\tc"


async def test_the_log_has_no_query_string(
    http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await http.get("/graphql?token=hush")
    logged = capsys.readouterr()
    assert "/graphql" in logged.out + logged.err
    assert "hush" not in logged.out + logged.err


async def test_metrics_count_requests_and_commands(http: httpx.AsyncClient) -> None:
    await http.get("/healthz")
    figures = (await http.get("/metrics")).text
    assert 'headcount_http_requests_total{route="/healthz",status="200"}' in figures


async def test_other_origins_are_allowed_only_if_configured(
    database: AsyncDatabase[dict[str, Any]], server_settings: Settings, http: httpx.AsyncClient
) -> None:
    preflight = {
        "origin": "https://admin.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    assert (await http.options("/graphql", headers=preflight)).status_code != 200
    settings = server_settings.model_copy(update={"cors_origins": ("https://admin.example",)})
    async with client(app.create(settings, database)) as open_http:
        response = await open_http.options("/graphql", headers=preflight)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://admin.example"


async def test_an_unforeseen_error_around_the_execution_is_masked(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("schema.limits.OperationLimits._check", fail)
    response = await post(http, "{ viewer { role } }", token(role="admin"))
    assert response.status_code == 500
    assert "secret" not in response.text
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [(7, "7"), (7.0, "7"), (True, None), (7.5, None), (1e300, str(int(1e300))), ("a@\ud800",) * 2],
)
async def test_a_subject_may_be_an_integer_or_any_text(
    http: httpx.AsyncClient,
    subject: object,
    expected: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = (await post(http, VIEWER, token(sub=subject))).json()
    assert answer["data"]["viewer"]["subject"] == expected
    (line,) = _lines(capsys)
    assert ("caller='address" in line) == (expected is None)


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    logged = capsys.readouterr()
    return [line for line in (logged.out + logged.err).splitlines() if "path=/graphql" in line]


async def test_each_operation_has_one_line_in_the_log(
    http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    query = (
        "query Totals { orderStats { totalOrders } ...v } fragment v on Query { viewer { role } }"
    )
    response = await post(http, query, token(role="admin", sub="user-1"))
    (line,) = _lines(capsys)
    for text in (
        "caller='subject user-1'", "role=ADMIN", "operation=Totals", "cost=4", "aggregations=1",
        f"hash={hashlib.sha256(query.encode()).hexdigest()}", "fields=['orderStats', 'viewer']",
        f"bytes={len(response.content)}", "status=200", "client=127.0.0.1",
    ):  # fmt: skip
        assert text in line
    assert "errors" not in line


async def test_the_log_has_the_codes_of_errors_and_no_address(
    http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    query = "{ a: orderStats { totalOrders } b: orderStats { totalOrders } }"
    await post(http, query, token(role="staff", sub="ana@example.com"))
    (line,) = _lines(capsys)
    assert "errors={'FORBIDDEN': 2}" in line
    assert "ana" not in line
    assert "caller=sha256:" in line
    await post(http, "{ a", token(role="staff"))
    await post(http, "{ viewer { role } }", None)
    refused, denied = _lines(capsys)
    assert "errors={'BAD_USER_INPUT': 1}" in refused
    assert "caller='subject caller'" in refused
    assert "errors={'UNAUTHENTICATED': 1}" in denied
    await post(http, "{ viewer " * 9 + "{ role }" + " }" * 9, token())
    metrics = (await http.get("/metrics")).text
    for text in (
        'headcount_graphql_errors_total{code="FORBIDDEN"}',
        'headcount_operations_over_limit_total{limit="depth"}',
        'headcount_http_errors_total{reason="unauthenticated",status="401"}',
        "headcount_aggregations_total ",
        "process_resident_memory_bytes ",
    ):
        assert text in metrics


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        ({"method": "GET", "url": "/nowhere"}, 404, "not_found"),
        ({"method": "PUT", "url": "/graphql"}, 405, "method_not_allowed"),
        ({"method": "POST", "url": "/graphql", "content": "{"}, 400, "malformed_request"),
        (
            {"method": "POST", "url": "/graphql", "content": " " * 1_000_001},
            413,
            "content_too_large",
        ),
        (
            {"method": "POST", "url": "/graphql", "json": {"query": "{ no }"}},
            400,
            "invalid_operation",
        ),
        ({"method": "GET", "url": "/healthz", "headers": {"host": "a b"}}, 400, "bad_host"),
        ({"method": "GET", "url": EVENTS_DASHBOARD_ROUTE}, 401, "unauthenticated"),
    ],
)
async def test_error_responses_are_counted_by_status_and_reason(
    http: httpx.AsyncClient,
    capsys: pytest.CaptureFixture[str],
    request_: dict[str, Any],
    status: int,
    reason: str,
) -> None:
    headers = {
        "accept": GRAPHQL_RESPONSE,
        "authorization": f"Bearer {token(role='admin')}",
        "content-type": "application/json",
        **request_.pop("headers", {}),
    }
    if reason == "unauthenticated":
        del headers["authorization"]
    assert (await http.request(**request_, headers=headers)).status_code == status
    sample = f'headcount_http_errors_total{{reason="{reason}",status="{status}"}} '
    assert sample in (await http.get("/metrics")).text
    assert f"reason={reason}" in "".join(capsys.readouterr())


async def test_the_cost_of_a_cached_operation_is_that_of_its_name_and_variables(
    http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    bearer = token(role="admin")
    paged = "query ($n: Int!) { eventStats(limit: $n) { total events { title } } }"
    named = "query A { orderStats { totalOrders } } query B { eventStats(limit: 9) { total } }"
    headers = {"authorization": f"Bearer {bearer}"}

    async def cost(query: str, **request: Any) -> int:
        body = {"query": query, **request}
        answer = (await http.post("/graphql", json=body, headers=headers)).json()
        return int(answer["extensions"]["cost"])

    for _ in range(2):
        assert await cost(paged, variables={"n": 3}) == 4 + 3
        assert await cost(paged, variables={"n": 300}) == 4 + 300
        assert await cost(named, operationName="A") == 2
        assert await cost(named, operationName="B") == 2 + 9
    lines = _lines(capsys)
    assert [("operation=A" in line, "cost=2" in line) for line in lines[2::4]] == [(True, True)] * 2
    # An operation beyond a limit is refused each time.
    deep = "{ viewer " * 9 + "{ role }" + " }" * 9
    for _ in range(2):
        errors = (await post(http, deep, bearer)).json()["errors"]
        assert errors[0]["extensions"]["limit"] == "depth"
