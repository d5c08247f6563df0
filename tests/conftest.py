"""Shared fixtures: a real MongoDB, the schema over it, and a record of the commands sent to it."""

import asyncio
import json
import os
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from bson.codec_options import CodecOptions
from graphql import Undefined, is_list_type
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from pymongo import MongoClient, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.monitoring import CommandListener, CommandStartedEvent
from starlette.applications import Starlette
from strawberry.types import ExecutionResult

import documents
import schema
from auth.viewer import Permission, Role, Viewer
from documents import DOCUMENTS
from loaders.loader import Loader
from loaders.rollup_reader import RollupReader
from schema.context import Context
from schema.execution.compiled import CompiledExecution
from server.database import connect
from server.embedded.mongod import embedded_mongod
from server.http import application as app
from server.settings import Settings
from tests.profiles import PROFILE
from tests.strategies import NOW

# No deadline: on a shared machine an example may be slow.
settings.register_profile(
    "headcount",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=PROFILE.examples,
)
settings.load_profile("headcount")

ADMIN = Viewer(Role.ADMIN, tuple(Permission))
SECRET = "a secret that only these tests know, long enough for any HMAC: 64 bytes or more"

Dataset = Mapping[str, Sequence[Mapping[str, Any]]]
Ask = Callable[..., Awaitable[ExecutionResult]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", type=Path, help="The folder for the docs' pictures.")


@dataclass
class Sent(CommandListener):
    """The commands and pipelines sent to MongoDB; a command is a pair (name, collection)."""

    commands: list[tuple[str, str]] = field(default_factory=list)
    pipelines: list[list[dict[str, Any]]] = field(default_factory=list)
    read_concerns: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    """(collection, read concern) of each aggregation that has one."""

    def started(self, event: CommandStartedEvent) -> None:
        target = event.command.get(event.command_name)
        self.commands.append((event.command_name, str(target)))
        if "pipeline" in event.command:
            self.pipelines.append(event.command["pipeline"])
        if event.command_name == "aggregate" and "readConcern" in event.command:
            self.read_concerns.append((str(target), event.command["readConcern"]))

    def succeeded(self, event: object) -> None:
        """Ignored: the command was recorded when it started."""

    def failed(self, event: object) -> None:
        """Ignored: the command was recorded when it started."""

    def to(self, collection: str) -> int:
        """The number of commands sent to a collection."""
        return sum(name == collection for _, name in self.commands)


@pytest.fixture(scope="session", autouse=True)
def completion_differences() -> Iterator[list[str]]:
    """The values that generated functions and graphql-core complete differently.

    Every value that a test executes is completed by both.
    """
    different: list[str] = []
    answer = CompiledExecution._answer

    def both(self: CompiledExecution, *given: Any) -> Any:
        compiled = answer(self, *given)
        if compiled is not Undefined:
            completion = (
                super(CompiledExecution, self).complete_list_value
                if is_list_type(given[0])
                else super(CompiledExecution, self).complete_object_value
            )
            # Makes graphql-core complete the values below too, as for a watching extension.
            self._watched = True
            try:
                reference = json.dumps(completion(*given))
            except Exception as error:
                reference = repr(error)
            self._watched = False
            if reference != json.dumps(compiled):
                different.append(f"{reference} became {compiled}")
        return compiled

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CompiledExecution, "_answer", both)
        yield different


@pytest.fixture(autouse=True)
def compiled_equals_graphql_core(completion_differences: list[str]) -> Iterator[None]:
    """Fails a test whose answers differ between compiled execution and graphql-core."""
    yield
    found = completion_differences.copy()
    completion_differences.clear()
    assert not found


@pytest.fixture(scope="session", autouse=True)
def cancelled_connects_are_closed() -> Iterator[None]:
    """Closes the socket of a task that is cancelled while it connects.

    PyMongo leaves such a socket to the garbage collector, whose warning would fail the test that
    happens to run then.
    """
    connect_socket = BaseSelectorEventLoop.sock_connect

    async def closing(loop: BaseSelectorEventLoop, sock: socket, address: Any) -> None:
        try:
            await connect_socket(loop, sock, address)
        except asyncio.CancelledError:
            sock.close()
            raise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseSelectorEventLoop, "sock_connect", closing)
        yield


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MongoDB for all tests: the configured one, or an embedded one."""
    if given := os.environ.get("HEADCOUNT_MONGODB_URI"):
        yield given
        return
    with embedded_mongod(Path(tmp_path_factory.mktemp("mongodb"))) as uri:
        yield uri


@pytest.fixture(scope="session")
def mongo(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """The tests' own database, to write documents to; dropped at the end."""
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        database = client.get_database(
            f"headcount_test_{uuid4().hex[:12]}", CodecOptions(tz_aware=True)
        )
        yield database
        client.drop_database(database)


@pytest.fixture(scope="session")
def fill(mongo: Database[dict[str, Any]]) -> Callable[[Dataset], None]:
    """Replaces the documents of all collections."""

    # One wait for a majority instead of fourteen: a majority with the last write has all writes.
    unawaited = mongo.with_options(write_concern=WriteConcern(w=1))

    def fill(data: Dataset) -> None:
        for name in DOCUMENTS:
            unawaited[name].delete_many({})
            if documents := data.get(name):
                unawaited[name].insert_many([dict(document) for document in documents])
        mongo["filled"].replace_one({}, {}, upsert=True)

    return fill


@pytest.fixture(scope="session")
def sent() -> Sent:
    """The commands that the server sent to MongoDB since the record was last cleared."""
    return Sent()


@pytest.fixture(scope="session")
async def database(
    mongodb_uri: str, mongo: Database[dict[str, Any]], sent: Sent
) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """The tests' database, as the server reads it."""
    # The event loop stands still between tests. A driver in streaming mode would miss MongoDB's
    # messages meanwhile and mark the server as lost; polling has no such deadline.
    polling = f"{mongodb_uri}{'&' if '?' in mongodb_uri else '/?'}serverMonitoringMode=poll"
    async with connect(polling, Settings(database=mongo.name), sent) as database:
        yield database


@asynccontextmanager
async def another_connection(
    shared: AsyncDatabase[dict[str, Any]],
    uri: str,
    settings: Settings,
    *listeners: CommandListener,
) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """A connection that the documents are bound to; after the block, to the shared one again."""
    async with connect(uri, settings, *listeners) as own:
        yield own
    await documents.bind(shared, settings.collections)


@pytest.fixture(scope="session")
def ask(database: AsyncDatabase[dict[str, Any]], sent: Sent) -> Ask:
    """A function that executes an operation, by default at `NOW` as an admin."""
    built = schema.build()

    async def ask(
        query: str,
        viewer: Viewer = ADMIN,
        low_stock_threshold: int = 5,
        now: datetime = NOW,
        seconds: float = 30,
        rollups: RollupReader | None = None,
        **variables: Any,
    ) -> ExecutionResult:
        sent.commands.clear()
        sent.pipelines.clear()
        sent.read_concerns.clear()
        variables_of_cubes = {"now": now, "low_stock_threshold": low_stock_threshold}
        aggregations = Loader(variables_of_cubes, timeout=seconds, rollups=rollups)
        context = Context(viewer, now, aggregations)
        result = await built.execute(query, variables, context_value=context)
        assert isinstance(result, ExecutionResult)
        return result

    return ask


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A token, by default valid for an hour. A claim of None is omitted."""
    now = int(datetime.now(UTC).timestamp())
    all_claims = {"sub": "caller", "iat": now, "exp": now + 3600} | claims
    given = {name: value for name, value in all_claims.items() if value is not None}
    return jwt.encode(given, secret, algorithm=algorithm)


@pytest.fixture(scope="session")
def server_settings(mongo: Database[dict[str, Any]]) -> Settings:
    """The settings of the server that answers the tests over HTTP."""
    return Settings(database=mongo.name, jwt_secret=SecretStr(SECRET))


@pytest.fixture(scope="session")
async def http(
    database: AsyncDatabase[dict[str, Any]], server_settings: Settings
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a token."""
    async with client(app.create(server_settings, database)) as http:
        yield http


def client(application: Starlette) -> httpx.AsyncClient:
    """A client of an application."""
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://headcount.test")


async def post(http: httpx.AsyncClient, query: str, bearer: str | None, **variables: Any) -> Any:
    """The response to an operation."""
    headers = {"authorization": f"Bearer {bearer}"} if bearer is not None else {}
    body = {"query": query, "variables": variables}
    return await http.post("/graphql", json=body, headers=headers)
