"""Reverse proxies: the headers in which they forward a client's address, scheme and host."""

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_MAPPED_IPV4 = "::ffff:"
"""A socket that listens on IPv6 shows IPv4 addresses with this prefix."""


class ForwardedHeaders(ProxyHeadersMiddleware):
    """ASGI middleware: believes `X-Forwarded-For`, `-Proto` and `-Host` of trusted proxies.

    uvicorn's middleware, which this one extends, does not read `X-Forwarded-Host`.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[str]) -> None:
        super().__init__(app, [*trusted])  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Replaces `client`, `scheme` and the header `Host` in the scope."""
        if client := scope.get("client"):
            address = client[0].removeprefix(_MAPPED_IPV4)
            scope["client"] = (address, client[1])
            headers = MutableHeaders(scope=scope)
            # Each proxy may add a value: the last one is by the trusted proxy.
            host = ",".join(headers.getlist("x-forwarded-host")).rpartition(",")[2].strip()
            # `Hosts` refuses a request with none or several.
            if host and len(headers.getlist("host")) == 1 and address in self.trusted_hosts:
                headers["host"] = host
        await super().__call__(scope, receive, send)  # type: ignore[arg-type]
