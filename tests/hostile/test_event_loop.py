"""No request holds the event loop, whoever sends it."""

import asyncio
from collections.abc import AsyncIterator
from math import inf
from typing import Any, Final

import httpx
import pytest
from pymongo.asynchronous.database import AsyncDatabase

from server.http import application as app
from server.settings import Settings
from tests.conftest import client, token
from tests.hostile.event_loop import STRETCH_SECONDS, occupied
from tests.hostile.operations import HOSTILE, Hostile, another

_REFUSAL_SECONDS: Final = 2 * 0.100
_ANSWER_BYTES: Final = 64_000


def _request(http: httpx.AsyncClient, hostile: Hostile) -> httpx.Request:
    """A request; encoded here, so that this takes no time of the server's."""
    headers = {"authorization": f"Bearer {token(role='customer')}"}
    return http.build_request("POST", "/graphql", json=hostile.body(another()), headers=headers)


@pytest.fixture(scope="module")
async def without_introspection(
    database: AsyncDatabase[dict[str, Any]], server_settings: Settings
) -> AsyncIterator[httpx.AsyncClient]:
    settings = server_settings.model_copy(update={"introspection": False})
    async with client(app.create(settings, database)) as http:
        yield http


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_operation_does_not_hold_the_event_loop(
    http: httpx.AsyncClient, hostile: Hostile
) -> None:
    await _assert_turns(http, hostile)


@pytest.mark.parametrize("name", ["words that are not used", "lists that are not used"])
async def test_a_search_for_hidden_names_does_not_hold_the_event_loop(
    without_introspection: httpx.AsyncClient, name: str
) -> None:
    await _assert_turns(without_introspection, HOSTILE[name])


async def _assert_turns(http: httpx.AsyncClient, hostile: Hostile) -> None:
    """Asserts how long an operation holds the event loop, and how much is answered."""
    # The first parse and validation of a process take longer.
    await http.post("/graphql", json={"query": "{ viewer { role } }"})
    longest, total = inf, inf
    # Other processes can slow a processor down, but none makes it faster.
    for _ in range(3):
        request = _request(http, hostile)
        async with occupied() as found:
            response = await http.send(request)
        longest, total = min(longest, found.longest), min(total, found.total)
        errors = response.json().get("errors", [])
        # An answer with data has an error for each field that is null.
        if hostile.refused is not None:
            assert hostile.refused in str(errors)
            assert len(response.content) <= _ANSWER_BYTES
    assert longest < STRETCH_SECONDS
    assert hostile.refused is None or total < _REFUSAL_SECONDS


async def test_many_hostile_operations_take_turns(http: httpx.AsyncClient) -> None:
    longest = inf
    for _ in range(3):
        requests = [_request(http, hostile) for hostile in HOSTILE.values()]
        async with occupied() as found:
            responses = await asyncio.gather(*map(http.send, requests))
        longest = min(longest, found.longest)
        assert {each.status_code for each in responses} <= {200, 429, 503}
    # Small steps of all of them can fall into one turn.
    assert longest < 2 * STRETCH_SECONDS
    # The server is well.
    response = await http.send(_request(http, Hostile("{ viewer { role } }", None)))
    assert response.json() == {"data": {"viewer": {"role": "CUSTOMER"}}}
