"""The connection to MongoDB."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandListener

import documents
from errors import StartupError, first_words
from server.settings import PREFIX, Settings

# What a request waits for a server that is away, unless the URI says otherwise: longer than an
# election should take, shorter than a person would wait.
_SELECTION_MS = 5000

# A date beyond year 9999 or a text that is no UTF-8 must not break the reading of its document.
_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)


@asynccontextmanager
async def connect(
    uri: str, settings: Settings, *listeners: CommandListener
) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """The database, with the documents bound to it.

    Raises `StartupError` where it can't be reached.
    """
    try:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            uri, event_listeners=listeners, **options(uri)
        )
    except (PyMongoError, ValueError, OSError) as error:
        raise unreachable(error) from error
    async with client:
        database = client.get_database(settings.database, _CODEC)
        try:
            await documents.bind(database, settings.collections)
        except PyMongoError as error:
            raise unreachable(error) from error
        yield database


def options(uri: str) -> dict[str, Any]:
    """The client's options that the URI leaves open."""
    selection = {"serverSelectionTimeoutMS": _SELECTION_MS}
    return {"appname": "headcount"} | (
        {} if "serverselectiontimeoutms" in uri.lower() else selection
    )


def unreachable(error: Exception) -> StartupError:
    """What to say of a database that can't be reached at start."""
    return StartupError(
        f"The database can't be reached: {first_words(error)}. "
        f"Is it running, and is {PREFIX}MONGODB_URI right?"
    )
