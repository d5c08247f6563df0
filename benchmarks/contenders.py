"""Headcount as it is timed: in this process, and over HTTP."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import httpx
from pydantic import SecretStr

from auth.viewer import Permission, Role, Viewer
from benchmarks.servers import HEADCOUNT, running
from loaders.loader import Loader
from schema.context import Context
from server.http.graphql_endpoint import Endpoint
from server.settings import Settings

_ADMIN = Viewer(Role.ADMIN, tuple(Permission))


def defaults(database: str) -> Settings:
    """The default settings, whatever the environment says, for a database."""
    secret = SecretStr(secrets.token_urlsafe(48))
    return Settings.model_construct(database=database, jwt_secret=secret)


class Headcount:
    """The server's schema, a new context for each operation, the server's encoding; no HTTP.

    It is always the same moment here: that of the data, of which it knows the last days.
    """

    def __init__(self, settings: Settings, moment: datetime) -> None:
        self._settings = settings
        self._moment = moment
        self._endpoint = Endpoint(settings, settings.verifier())

    async def answer(self, text: str) -> str | bytes:
        """The JSON that the server would send for an operation."""
        threshold = self._settings.low_stock_threshold
        variables = {"now": self._moment, "low_stock_threshold": threshold}
        aggregations = Loader(variables, timeout=self._settings.request_timeout)
        context = Context(_ADMIN, self._moment, aggregations)
        result = await self._endpoint.schema.execute(text, context_value=context)
        if result.errors:
            raise result.errors[0]
        return self._endpoint.encode_json({"data": result.data})


@asynccontextmanager
async def served(uri: str, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """`headcount serve` in a process of its own, and a client of it that holds an admin's token."""
    with running("`headcount serve`", HEADCOUNT, uri, settings) as server:
        async with httpx.AsyncClient(
            base_url=server.url,
            headers={"authorization": f"Bearer {server.token}"},
            timeout=settings.request_timeout,
            trust_env=False,
        ) as client:
            yield client


async def post(client: httpx.AsyncClient, text: str) -> bytes:
    """The body of the server's answer to an operation."""
    response = await client.post("/graphql", json={"query": text})
    return response.raise_for_status().content
