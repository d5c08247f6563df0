"""The port of `/metrics`, where it has one of its own."""

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from server.http.connections import CHECKS, METRICS


class MetricsPort:
    """ASGI middleware: serves `/metrics` on `port` only, and only probes beside it there.

    Without a port, every path is served on every port.
    """

    def __init__(self, app: ASGIApp, port: int | None) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._port is not None and not self._served(scope):
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _served(self, scope: Scope) -> bool:
        if scope["server"][1] == self._port:
            return scope["path"] in CHECKS
        return bool(scope["path"] != METRICS)
