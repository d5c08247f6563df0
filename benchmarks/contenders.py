"""Headcount as a contender: in this process, and over HTTP."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import httpx
from pydantic import SecretStr

from auth.viewer import Permission, Role, Viewer
from benchmarks.http.servers import HEADCOUNT, running
from loaders.loader import Loader
from schema.context import Context
from server.http.graphql_endpoint import Endpoint
from server.http.operations import Operations
from server.settings import Settings

_ADMIN = Viewer(Role.ADMIN, tuple(Permission))


def defaults(database: str) -> Settings:
    """The default settings for a database; the environment is ignored."""
    secret = SecretStr(secrets.token_urlsafe(48))
    return Settings.model_construct(database=database, jwt_secret=secret)


class Headcount:
    """The server's schema and encoding without HTTP, with a new context for each operation.

    `now` is a constant, as the benchmark's data end at a constant time.
    """

    def __init__(self, settings: Settings, now: datetime) -> None:
        self._settings = settings
        self._now = now
        self._endpoint = Endpoint(settings, Operations(settings, settings.verifier()))

    async def answer(self, text: str) -> str | bytes:
        """The JSON response of an operation."""
        threshold = self._settings.low_stock_threshold
        variables = {"now": self._now, "low_stock_threshold": threshold}
        aggregations = Loader(variables, timeout=self._settings.request_timeout)
        context = Context(_ADMIN, self._now, aggregations)
        result = await self._endpoint.schema.execute(text, context_value=context)
        if result.errors:
            raise result.errors[0]
        return self._endpoint.encode_json({"data": result.data})


@asynccontextmanager
async def served(uri: str, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Runs `headcount serve` in a process; yields a client with an admin's token."""
    with running("`headcount serve`", HEADCOUNT, uri, settings) as server:
        async with httpx.AsyncClient(
            base_url=server.url,
            headers={"authorization": f"Bearer {server.token}"},
            timeout=settings.request_timeout,
            trust_env=False,
        ) as client:
            yield client


async def post(client: httpx.AsyncClient, text: str) -> bytes:
    """The body of the response to an operation."""
    response = await client.post("/graphql", json={"query": text})
    return response.raise_for_status().content
