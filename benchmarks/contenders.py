"""Headcount as it is timed: in this process, and over HTTP."""

import asyncio
import os
import secrets
import socket
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from pydantic import SecretStr

from auth.viewer import Permission, Role, Viewer
from errors import StartupError
from loaders.aggregations import Aggregations
from schema.context import Context
from server.graphql import Endpoint
from server.serving import token
from server.settings import PREFIX, Settings

_ADMIN = Viewer(Role.ADMIN, tuple(Permission))
_START_SECONDS = 30


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
        aggregations = Aggregations(variables, timeout=self._settings.request_timeout)
        context = Context(_ADMIN, self._moment, aggregations)
        result = await self._endpoint.schema.execute(text, context_value=context)
        if result.errors:
            raise result.errors[0]
        return self._endpoint.encode_json({"data": result.data})


@asynccontextmanager
async def served(uri: str, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """`headcount serve` in a process of its own, and a client of it that holds an admin's token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)} | {
        f"{PREFIX}MONGODB_URI": uri,
        f"{PREFIX}DATABASE": settings.database,
        f"{PREFIX}PORT": str(port),
        f"{PREFIX}JWT_SECRET": settings.secret(),
    }
    bearer = token(settings.secret(), {"role": Role.ADMIN.value}, timedelta(days=1))
    command = Path(sys.executable).with_name("headcount")
    # In a folder of its own, where no .env has other settings.
    with TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            command, "serve", cwd=folder, env=environment, stdin=DEVNULL, stderr=DEVNULL
        )
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                headers={"authorization": f"Bearer {bearer}"},
                timeout=settings.request_timeout,
                trust_env=False,
            ) as client:
                await _ready(client)
                yield client
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _ready(client: httpx.AsyncClient) -> None:
    for _ in range(_START_SECONDS * 10):
        try:
            await client.get("/readyz")
        except httpx.TransportError:
            await asyncio.sleep(0.1)
        else:
            return
    raise StartupError("`headcount serve` does not answer: try to start it by hand.")


async def post(client: httpx.AsyncClient, text: str) -> bytes:
    """The body of the server's answer to an operation."""
    response = await client.post("/graphql", json={"query": text})
    return response.raise_for_status().content
