"""What GraphQL clients send: preflights, empty names, media types in any case, batches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pymongo.asynchronous.database import AsyncDatabase

from server.http import application as app
from server.http.graphql_responses import GRAPHQL_RESPONSE
from server.settings import Settings
from tests.conftest import client, token

ORIGIN = "https://admin.example"
ROLE = "{ viewer { role } }"
ANSWER = {"data": {"viewer": {"role": "CUSTOMER"}}}
HEADERS = {"authorization": f"Bearer {token()}"}


@pytest.fixture
def serve(database: AsyncDatabase[dict[str, Any]], server_settings: Settings) -> Any:
    """A function that serves with other settings."""

    @asynccontextmanager
    async def serve(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        with_origin = {"cors_origins": (ORIGIN,), **settings}
        async with client(
            app.create(server_settings.model_copy(update=with_origin), database)
        ) as http:
            yield http

    return serve


async def _preflight(http: httpx.AsyncClient, names: str) -> httpx.Response:
    return await http.options(
        "/graphql",
        headers={
            "origin": ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": names,
        },
    )


@pytest.mark.parametrize(
    "names",
    [
        "authorization,content-type,x-request-id",
        "baggage,traceparent,tracestate",
        "baggage, sentry-trace",
        "x-datadog-origin,x-datadog-parent-id,x-datadog-sampling-priority,x-datadog-tags,"
        "x-datadog-trace-id",
        "apollographql-client-name,apollographql-client-version",
        "apollo-require-preflight,x-apollo-operation-id,x-apollo-operation-name",
        "cache-control,if-none-match",
        "Apollographql-Client-Name",
    ],
)
async def test_headers_of_clients_and_of_tracing_are_allowed(serve: Any, names: str) -> None:
    async with serve() as http:
        response = await _preflight(http, names)
    assert response.status_code == 200
    allowed = response.headers["access-control-allow-headers"].lower().split(", ")
    assert {name.strip().lower() for name in names.split(",")} <= {*allowed}


async def test_other_headers_are_allowed_if_configured(serve: Any) -> None:
    async with serve() as http:
        assert (await _preflight(http, "x-tenant-id")).status_code == 400
    async with serve(cors_headers=("x-tenant-id",)) as http:
        assert (await _preflight(http, "authorization,X-Tenant-Id")).status_code == 200
        assert (await _preflight(http, "x-other")).status_code == 400


async def test_pages_of_other_origins_may_read_the_etag(serve: Any) -> None:
    async with serve() as http:
        response = await http.get("/healthz", headers={"origin": ORIGIN})
    assert "etag" in response.headers["access-control-expose-headers"].split(", ")


async def test_an_empty_operation_name_is_none(http: httpx.AsyncClient) -> None:
    for text in (ROLE, "query Role { viewer { role } }"):
        given = {"query": text, "operationName": ""}
        assert (await http.post("/graphql", json=given, headers=HEADERS)).json() == ANSWER
        assert (await http.get("/graphql", params=given, headers=HEADERS)).json() == ANSWER


@pytest.mark.parametrize(
    "content_type",
    ["Application/JSON; Charset=UTF-8", "APPLICATION/JSON", "application/json ;charset=utf-8"],
)
async def test_a_media_type_is_accepted_in_any_case(
    http: httpx.AsyncClient, content_type: str
) -> None:
    headers = HEADERS | {"content-type": content_type}
    response = await http.post("/graphql", json={"query": ROLE}, headers=headers)
    assert response.json() == ANSWER


@pytest.mark.parametrize("content_type", ["text/plain", "application/json-seq", "", "x" * 1000])
async def test_another_media_type_is_refused_with_the_right_one(
    http: httpx.AsyncClient, content_type: str
) -> None:
    headers = HEADERS | {"content-type": content_type}
    response = await http.post("/graphql", json={"query": ROLE}, headers=headers)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["message"].endswith(": send application/json.")
    assert len(error["message"]) < 200


@pytest.mark.parametrize("batch", [[], [{"query": ROLE}], [{"query": ROLE}, {"query": ROLE}]])
async def test_a_batch_is_refused_with_what_to_send(
    http: httpx.AsyncClient, batch: list[Any]
) -> None:
    response = await http.post("/graphql", json=batch, headers=HEADERS)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "no batches" in error["message"]
    assert "in a request of its own, as one JSON object" in error["message"]


@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize("value", ["[1]", "7", "{"])
async def test_a_parameter_of_a_url_must_be_an_object(
    http: httpx.AsyncClient, name: str, value: str
) -> None:
    response = await http.get("/graphql", params={"query": ROLE, name: value}, headers=HEADERS)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert f"'{name}'" in error["message"]


async def test_an_empty_parameter_of_a_url_is_none(http: httpx.AsyncClient) -> None:
    given = {"query": ROLE, "variables": "", "extensions": ""}
    assert (await http.get("/graphql", params=given, headers=HEADERS)).json() == ANSWER


@pytest.mark.parametrize(
    ("accept", "media_type"), [("*/*", "application/json"), (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE)]
)
async def test_a_server_that_waits_for_its_database_answers_operations_with_503(
    server_settings: Settings, accept: str, media_type: str
) -> None:
    headers = HEADERS | {"accept": accept}
    async with client(app.create(server_settings, None)) as http:
        for response in (
            await http.post("/graphql", json={"query": ROLE}, headers=headers),
            await http.get("/graphql", params={"query": ROLE}, headers=headers),
        ):
            assert response.status_code == 503
            assert response.headers["content-type"] == media_type
            assert response.headers["retry-after"] == "5"
            (error,) = response.json()["errors"]
            assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
