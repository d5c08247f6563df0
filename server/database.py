"""Connections to MongoDB: the configured database, or an embedded one."""

import os
import signal
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import structlog
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.monitoring import CommandListener, ConnectionPoolListener

import documents
from documents.reads import AUTHENTICATION_FAILED
from errors import StartupError, first_words
from server.embedded.mongod import embedded_mongod
from server.settings import PREFIX, Settings

_log = structlog.get_logger(__name__)

_Client = TypeVar("_Client")

SyncDatabase = Database[dict[str, Any]]

DATA_FOLDER = Path(".headcount")
"""The folder of the embedded database and of the demo's secret."""

_LOG = DATA_FOLDER / "mongod.log"

# How long an operation waits for an unreachable server, unless the URI sets it: longer than an
# election takes, shorter than a user waits.
_SELECTION_MS = 5000

# Dates beyond the year 9999 and strings that are not UTF-8 must not fail the whole document.
_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)


@contextmanager
def database_uri(settings: Settings) -> Iterator[str]:
    """The URI of the configured MongoDB, or of an embedded one that runs inside the block.

    If the embedded MongoDB ends before the block, the block is interrupted by SIGINT, and
    `StartupError` is raised after it.
    """
    if settings.mongodb_uri is not None:
        yield settings.mongodb_uri.get_secret_value()
        return
    exit_codes = list[int]()

    def interrupt(exit_code: int) -> None:
        exit_codes.append(exit_code)
        _log.error(
            "the embedded MongoDB has ended: the server stops", exit_code=exit_code, log=str(_LOG)
        )
        os.kill(os.getpid(), signal.SIGINT)

    try:
        with embedded_mongod(DATA_FOLDER, on_death=interrupt) as uri:
            yield uri
    finally:
        if exit_codes:
            raise StartupError(
                f"The embedded MongoDB ended with {exit_codes[0]}: see {_LOG}. "
                "Start again: it recovers the data."
            )


@asynccontextmanager
async def connect(
    uri: str, settings: Settings, *listeners: CommandListener | ConnectionPoolListener
) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """The database at a URI, with the Beanie documents bound to it.

    Raises `StartupError` if it can't be reached.
    """
    async with _client(AsyncMongoClient[dict[str, Any]], uri, event_listeners=listeners) as client:
        database = client.get_database(settings.database, _CODEC)
        try:
            await documents.bind(database, settings.collections)
        except PyMongoError as error:
            raise _unreachable(error) from error
        yield database


@contextmanager
def open_database(uri: str, settings: Settings) -> Iterator[SyncDatabase]:
    """The database at a URI, by a synchronous client.

    Raises `StartupError` if it can't be reached.
    """
    with _client(MongoClient[dict[str, Any]], uri) as client:
        try:
            client.admin.command("ping")
        except PyMongoError as error:
            raise _unreachable(error) from error
        yield client[settings.database]


def _client(make: Callable[..., _Client], uri: str, **options: Any) -> _Client:
    """A client of the URI. Warns of options that the driver ignores.

    Raises `StartupError` if the URI is malformed.
    """
    with warnings.catch_warnings(record=True) as ignored:
        warnings.simplefilter("always")
        try:
            client = make(uri, **options, **_options(uri))
        except (PyMongoError, ValueError, OSError) as error:
            raise StartupError(
                f"{PREFIX}MONGODB_URI can't be used: {first_words(error)}. "
                "It must be a URI, as mongodb://localhost:27017/?replicaSet=rs0."
            ) from error
    for each in ignored:
        warnings.warn(f"{PREFIX}MONGODB_URI: {each.message}", each.category, stacklevel=3)
    return client


def _options(uri: str) -> dict[str, Any]:
    """The client's options that the URI does not set."""
    options: dict[str, Any] = {"appname": "headcount"}
    if "serverselectiontimeoutms" not in uri.lower():
        options["serverSelectionTimeoutMS"] = _SELECTION_MS
    return options


def _unreachable(error: Exception) -> StartupError:
    if isinstance(error, OperationFailure) and error.code == AUTHENTICATION_FAILED:
        return StartupError(f"MongoDB refused the user or password of {PREFIX}MONGODB_URI.")
    return StartupError(
        f"The database can't be reached: {first_words(error)}. "
        f"Start MongoDB, or correct {PREFIX}MONGODB_URI."
    )
