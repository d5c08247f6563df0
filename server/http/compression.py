"""Compression of responses with gzip, for clients that accept it."""

import re
import zlib
from typing import Any, Final

from isal import isal_zlib
from starlette.datastructures import Headers
from starlette.middleware.gzip import (
    DEFAULT_EXCLUDED_CONTENT_TYPES,
    GZipResponder,
    IdentityResponder,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from exports.formats.file_types import XLSX

COMPRESSED_FROM: Final = 1_000
"""The length of the shortest body that is compressed, in bytes; streams always are."""

# A thread takes longer to start than shorter bodies take: a megabyte takes 1 to 4 ms.
_THREAD_FROM: Final = 1_000_000
_LEVEL: Final = 1
_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS
# Event streams, and files that are compressed already.
_EXCLUDED: Final = (*DEFAULT_EXCLUDED_CONTENT_TYPES, XLSX.media_type)
_QUALITY: Final = re.compile(r"q=(\d(?:\.\d*)?)")


class Compression:
    """ASGI middleware: compresses bodies, and streams as they flow.

    A stream that breaks off lacks the end of its gzip, so that clients detect the truncated body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        responder: ASGIApp
        if scope["type"] != "http":
            responder = self._app
        elif accepts_gzip(Headers(scope=scope)):
            responder = _Gzip(
                self._app,
                COMPRESSED_FROM,
                thread_minimum_size=_THREAD_FROM,
                exclude_content_types=_EXCLUDED,
            )
        else:
            # It adds `Vary`.
            responder = IdentityResponder(
                self._app, COMPRESSED_FROM, exclude_content_types=_EXCLUDED
            )
        await responder(scope, receive, send)


class _Gzip(GZipResponder):
    """Compresses with isal, which is several times as fast as zlib."""

    _stream: Any = None

    @property
    def compressor(self) -> Any:
        if self._stream is None:
            self._stream = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP_FORMAT)
        return self._stream


def compresses(headers: Headers, length: int) -> bool:
    """Whether the response to a request with these headers, of so many bytes, is compressed."""
    return length >= COMPRESSED_FROM and accepts_gzip(headers)


def accepts_gzip(headers: Headers) -> bool:
    """Whether a request accepts a response in gzip."""
    qualities = dict[str, float]()
    for each in headers.get("accept-encoding", "").lower().split(","):
        name, _, parameter = each.replace(" ", "").partition(";")
        match = _QUALITY.fullmatch(parameter)
        qualities[name] = float(match[1]) if match else 1
    return qualities.get("gzip", qualities.get("*", 0)) > 0
