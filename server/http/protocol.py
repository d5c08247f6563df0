"""The HTTP/1.1 protocol of uvicorn, with limits of size and time, and without upgrades."""

import asyncio
from typing import Any, Final

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from server.http import connections
from server.http.connections import CHECKS, STATE, UNLIMITED, Connections

HEAD_MAX: Final = 65_536
"""The largest request line with headers, and the largest trailers, in bytes."""
PIPELINE_MAX: Final = 100
"""How many requests of a connection may wait for the answer to an earlier one."""
_LARGE_READ: Final = 65_536
_SEPARATORS: Final = len(b": \r\n")
_INVALID: Final = "invalid_http"


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 by httptools, on a connection that is closed when a step takes too long.

    It is closed, too, when its reader takes nothing.

    After an upgrade request, httptools stops parsing HTTP. The server supports no other protocol,
    and uvicorn would parse the request's body as the next request. So the request is parsed again,
    without its upgrade.
    """

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    app_state: dict[str, Any]

    _step: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None
    _in_head = False
    _head_bytes = 0
    # Bytes since the last end of a head, and the last part of a body.
    _stalled_bytes = 0

    @property
    def limits(self) -> Connections:
        """The limits of the process's connections."""
        limits: Connections = self.app_state.get(STATE, UNLIMITED)
        return limits

    def end(self, reason: str) -> None:
        """Closes the connection; what the client has not read is lost."""
        self._unlimit()
        self._unwatch()
        self.limits.closed(reason)
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._limit("silent", connections.SILENT_SECONDS)
        self.limits.waits(self, self.connections)

    def connection_lost(self, error: Exception | None) -> None:
        self._unlimit()
        self._unwatch()
        self.limits.heard(self)
        self._abandon()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self._stalled_bytes += len(data)
        self._feed(data)
        if len(data) >= _LARGE_READ:
            self._give_way()

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._limit("head", connections.HEAD_SECONDS)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # uvicorn would take trailers for headers.
        if self._in_head:
            self._count_head(len(name) + len(value) + _SEPARATORS)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= PIPELINE_MAX:
            raise ValueError("too many requests are pipelined")
        self._in_head, self._stalled_bytes = False, 0
        self._limit("body", connections.BODY_SECONDS)
        self.limits.heard(self)
        application, too_many = self.app, self.limits.too_many(len(self.connections))
        if too_many and self.url.split(b"?")[0].decode(errors="replace") not in CHECKS:
            self.limits.refused(503, "too_many_connections")
            self.app = connections.refuse
        super().on_headers_complete()
        self.app = application
        if too_many:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._stalled_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unlimit()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None:
            self.limits.waits(self, self.connections)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._unwatch()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        if self._reading is not None:
            # A slow reader takes what is left of the last answer: `_watch` ends it if it stops.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            # `close` would wait for the reader of a small rest.
            self.end("reader" if self.transport.get_write_buffer_size() else "idle")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _should_upgrade(self) -> bool:
        # uvicorn then does not respond to the request before it is parsed again.
        return True

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if len(self.pipeline) >= PIPELINE_MAX:
                message = f"More than {PIPELINE_MAX} requests are pipelined."
                self._refuse("pipelined_requests", message)
            elif self._head_bytes > HEAD_MAX:
                self._refuse_head()
            else:
                self._refuse(_INVALID, "Invalid HTTP request received.")
        else:
            if self._stalled_bytes > HEAD_MAX:
                self._refuse_head()

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_MAX:
            raise ValueError("the head is too large")

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parses a request again without its upgrade header, and what follows its head."""
        method = self.scope["method"].encode()
        if method == b"CONNECT":
            self._refuse("connect", "The server is no proxy: CONNECT is not supported.")
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._refuse("pipelined_upgrade", "An upgrade request must not be pipelined.")
            return
        head = [method, b" ", self.url, b" HTTP/", self.parser.get_http_version().encode(), b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(b"".join([*head, b"\r\n", rest]))

    def _refuse_head(self) -> None:
        message = f"The request's headers, or its trailers, have more than {HEAD_MAX} bytes."
        self._refuse("head_too_large", message)

    def _refuse(self, reason: str, message: str) -> None:
        """Answers with 400, unless an answer is on its way, and closes the connection."""
        self.limits.refused(400, reason)
        if self._abandon():
            self.transport.close()
        else:
            self.send_400_response(message)

    def _abandon(self) -> bool:
        """Tells the application that the client is gone; whether it had begun to answer."""
        cycle = self._answering
        if cycle is None or cycle.response_complete:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        return bool(cycle.response_started)

    def _give_way(self) -> None:
        """Lets other connections be read: uvloop would go on reading a fast one."""
        if not self.flow.read_paused:
            self.flow.pause_reading()
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        unread = len(self.cycle.body) if self.cycle and not self.cycle.response_complete else 0
        # Otherwise, uvicorn resumes it.
        if unread <= HIGH_WATER_LIMIT and not self.pipeline and not self.transport.is_closing():
            self.flow.resume_reading()

    def _limit(self, reason: str, seconds: float) -> None:
        """Closes the connection unless the next step begins within some seconds."""
        self._unlimit()
        self._step = self.loop.call_later(seconds, self.end, reason)

    def _unlimit(self) -> None:
        """Ends the limit of the present step."""
        if self._step is not None:
            self._step.cancel()
            self._step = None

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
