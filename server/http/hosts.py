"""The names of this server: checks of the `Host` header, and the URL that clients use."""

from collections.abc import Callable, Iterable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from errors import REASON, BadHost, HeadcountError, MisdirectedRequest, quoted
from server.addresses import host_name
from server.http.connections import CHECKS
from server.http.errors import error_response


def base_url(public_url: str | None) -> Callable[[Request], str]:
    """What makes the server's URL, ending with `/`: the public URL, else that of the request."""
    if public_url is not None:
        return lambda _: f"{public_url}/"
    return lambda request: str(request.base_url)


class Hosts:
    """ASGI middleware: refuses requests without one valid `Host`, and for other hosts.

    `allowed` are names without ports; if it is empty, every name is allowed. HTTP/1.0 requests may
    lack the header, as RFC 9112 (3.2) demands it of HTTP/1.1 only.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except HeadcountError as error:
                scope[REASON] = error.reason
                response = error_response(scope["path"], error.status, error.code, str(error))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) > 1:
            raise BadHost(f"The request has {len(hosts)} Host headers: send one.")
        if not hosts and scope["http_version"] != "1.0":
            raise BadHost("The request has no Host header: send one.")
        given = hosts[0] if hosts else ""
        name = host_name(given)
        if hosts and name is None:
            raise BadHost(f"Host is {quoted(given)}: it must be 'name' or 'name:port'.")
        if self._allowed and name not in self._allowed and scope["path"] not in CHECKS:
            # Probes and scrapers address a process by its IP address.
            raise MisdirectedRequest(
                f"Host is {quoted(given)}, which this server does not serve: "
                "HEADCOUNT_ALLOWED_HOSTS lists the names that it serves."
            )
