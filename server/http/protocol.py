"""uvicorn's fast HTTP protocol, with bounds that it leaves open."""

import httptools
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_MAX = 65_536
"""Bytes that a request's head may take."""


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 by httptools; a connection that asks for another protocol goes on by h11.

    httptools takes whatever follows a request to upgrade for the other protocol's. There is none
    here, and the request's body would be taken for the next request; h11 just answers it.
    """

    _head = 0
    _in_head = False

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        in_head = self._in_head
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        else:
            self._head = self._head + len(data) if in_head and self._in_head else 0
            if self._head > HEAD_MAX:
                self.send_400_response(f"A request's head may have {HEAD_MAX} bytes at most.")

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def _should_upgrade(self) -> bool:
        # So that the request is not answered here.
        return True

    def _go_on_without(self, rest: bytes) -> None:
        """Gives the connection, with the request that wanted the upgrade, to h11."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.send_400_response("A request to upgrade must not be pipelined.")
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
