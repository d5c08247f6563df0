"""The HTTP/1.1 protocol of uvicorn, with a size limit for headers and safe upgrades."""

import httptools
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_MAX = 65_536
"""The largest request line and headers, in bytes."""


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 by httptools; hands a connection with an upgrade request to h11.

    After an upgrade request, httptools stops parsing HTTP. The server supports no other protocol,
    and uvicorn would parse the request's body as the next request. h11 ignores the upgrade.
    """

    _head_bytes = 0
    _in_head = False

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        in_head = self._in_head
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._continue_with_h11(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        else:
            self._head_bytes = self._head_bytes + len(data) if in_head and self._in_head else 0
            if self._head_bytes > HEAD_MAX:
                self.send_400_response(f"The request's headers have more than {HEAD_MAX} bytes.")

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def _should_upgrade(self) -> bool:
        # uvicorn then does not respond to the request, and h11 does.
        return True

    def _continue_with_h11(self, rest: bytes) -> None:
        """Hands the connection to h11, with the request but without its upgrade header."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.send_400_response("An upgrade request must not be pipelined.")
            return
        head = [self.scope["method"].encode(), b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                head += [name, b": ", value, b"\r\n"]
        self.connections.discard(self)
        protocol = H11Protocol(self.config, self.server_state, self.app_state)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.data_received(b"".join([*head, b"\r\n", rest]))
