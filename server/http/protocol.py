"""The HTTP/1.1 protocol of uvicorn, with limits of size and time, and safe upgrades."""

import asyncio
from typing import Any, Final

import httptools
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.http import connections
from server.http.connections import CHECKS, STATE, UNLIMITED, Connections

HEAD_MAX = 65_536
"""The largest request line and headers, in bytes."""
_INVALID: Final = "invalid_http"


class _Limited(asyncio.Protocol):
    """A connection that is closed when a step takes too long, or its reader takes nothing."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    app_state: dict[str, Any]

    _step: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    @property
    def limits(self) -> Connections:
        """The limits of the process's connections."""
        limits: Connections = self.app_state.get(STATE, UNLIMITED)
        return limits

    def end(self, reason: str) -> None:
        """Closes the connection; what the client has not read is lost."""
        self.unlimit()
        self._unwatch()
        self.limits.closed(reason)
        self.transport.abort()

    def limit(self, reason: str, seconds: float) -> None:
        """Closes the connection unless the next step begins within some seconds."""
        self.unlimit()
        self._step = self.loop.call_later(seconds, self.end, reason)

    def unlimit(self) -> None:
        """Ends the limit of the present step."""
        if self._step is not None:
            self._step.cancel()
            self._step = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._unwatch()
        super().resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self.unlimit()
        self._unwatch()
        self.limits.heard(self)
        super().connection_lost(error)

    def timeout_keep_alive_handler(self) -> None:
        # What is left of the last answer may be unread: `close` would wait for its reader.
        self.end("reader" if self.transport.get_write_buffer_size() else "idle")

    def _watch(self, unread: int) -> None:
        """Closes the connection if the client takes nothing for a while."""

        def check() -> None:
            now = self.transport.get_write_buffer_size()
            if now >= unread:
                self.end("reader")
            else:
                self._watch(now)

        self._reading = self.loop.call_later(connections.READER_SECONDS, check)

    def _unwatch(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None


class _Upgraded(_Limited, H11Protocol):
    """HTTP/1.1 by h11. Each head or body may take between 30 and 60 s."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._check(None)

    def send_400_response(self, msg: str) -> None:
        self.limits.refused(400, _INVALID)
        super().send_400_response(msg)

    def _check(self, before: object) -> None:
        """Closes the connection if the same request is incomplete as at the last check."""
        cycle = self.cycle
        incomplete = cycle is None or cycle.response_complete or cycle.more_body
        if incomplete and before is (cycle or self) and self.timeout_keep_alive_task is None:
            self.end("body")
        else:
            self._step = self.loop.call_later(connections.BODY_SECONDS, self._check, cycle or self)


class Protocol(_Limited, HttpToolsProtocol):
    """HTTP/1.1 by httptools; hands a connection with an upgrade request to h11.

    After an upgrade request, httptools stops parsing HTTP. The server supports no other protocol,
    and uvicorn would parse the request's body as the next request. h11 ignores the upgrade.
    """

    _head_bytes = 0
    _in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.limit("silent", connections.SILENT_SECONDS)
        self.limits.opened(self, self.connections)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        in_head = self._in_head
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._continue_with_h11(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(_INVALID, "Invalid HTTP request received.")
        else:
            self._head_bytes = self._head_bytes + len(data) if in_head and self._in_head else 0
            if self._head_bytes > HEAD_MAX:
                message = f"The request's headers have more than {HEAD_MAX} bytes."
                self._refuse("head_too_large", message)

    def on_message_begin(self) -> None:
        self._in_head = True
        self.limit("head", connections.HEAD_SECONDS)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self.limit("body", connections.BODY_SECONDS)
        self.limits.heard(self)
        application = self.app
        path = self.url.split(b"?")[0].decode(errors="replace")
        if path not in CHECKS and self.limits.too_many(len(self.connections)):
            self.app = connections.refuse
        super().on_headers_complete()
        self.app = application

    def on_message_complete(self) -> None:
        self.unlimit()
        super().on_message_complete()

    def _should_upgrade(self) -> bool:
        # uvicorn then does not respond to the request, and h11 does.
        return True

    def _refuse(self, reason: str, message: str) -> None:
        """Answers with 400 and closes the connection."""
        self.limits.refused(400, reason)
        self.send_400_response(message)

    def _continue_with_h11(self, rest: bytes) -> None:
        """Hands the connection to h11, with the request but without its upgrade header."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._refuse("pipelined_upgrade", "An upgrade request must not be pipelined.")
            return
        head = [self.scope["method"].encode(), b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                head += [name, b": ", value, b"\r\n"]
        self.unlimit()
        self.connections.discard(self)
        protocol = _Upgraded(self.config, self.server_state, self.app_state)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.data_received(b"".join([*head, b"\r\n", rest]))
