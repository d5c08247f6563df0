"""Requests to the reference's paths, at a fixed time."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import httpx
import pytest

from tests.conftest import token
from tests.strategies import NOW

Get: TypeAlias = Callable[..., Awaitable[httpx.Response]]
"""`get(path, **claims)` sends a request with a token of these claims; by default, an admin's."""


@pytest.fixture(scope="module", autouse=True)
def at_a_fixed_time() -> Iterator[None]:
    """All requests arrive at `NOW`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.http.operations.now", lambda: NOW)
        yield


@pytest.fixture(scope="session")
def get(http: httpx.AsyncClient) -> Get:
    """Sends GET requests, or others with `method`."""

    async def get(
        path: str, *, method: str = "GET", headers: dict[str, str] | None = None, **claims: Any
    ) -> httpx.Response:
        bearer = token(**(claims or {"role": "admin"}))
        given = {"authorization": f"Bearer {bearer}", **(headers or {})}
        return await http.request(method, path, headers=given)

    return get
