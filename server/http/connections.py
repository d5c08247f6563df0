"""The connections of a process: how long they may be idle, and how many there may be."""

import asyncio
import resource
from collections.abc import Callable, Sized
from typing import Final, Protocol

import structlog
from starlette.types import Receive, Scope, Send

from errors import Overloaded
from server.http.errors import error_response

_log = structlog.get_logger(__name__)

SILENT_SECONDS: Final = 10.0
"""How long a new connection may say nothing."""
HEAD_SECONDS: Final = 10.0
"""How long a request line and its headers may take."""
BODY_SECONDS: Final = 30.0
"""How long a request's body may take."""
READER_SECONDS: Final = 30.0
"""How long a client may take nothing of an answer."""
IDLE_SECONDS: Final = 60
"""How long a connection may wait for its next request."""

STATE: Final = "connections"
"""The name of the process's `Connections` in the state of the application's lifespan."""
METRICS: Final = "/metrics"
CHECKS: Final = frozenset({"/healthz", "/readyz", METRICS})
"""The paths of probes and scrapers, which limits and checks of hosts leave out."""

_SWEEP_SECONDS: Final = 1.0
_LOG_SECONDS: Final = 60.0
_SHARE_OF_DESCRIPTORS: Final = 0.8


class Connection(Protocol):
    """A connection that waits for a request."""

    def end(self, reason: str) -> None:
        """Closes it."""


class Connections:
    """The connections of a process, and those among them that wait for a request.

    Beyond `most`, requests are answered with 503, but for `CHECKS`, and their connections closed.
    A connection that has waited for a head for a second is closed then, too, the oldest first.
    """

    def __init__(
        self,
        most: int,
        closed: Callable[[str], None] = lambda _: None,
        refused: Callable[[int, str], None] = lambda *_: None,
    ) -> None:
        """`closed` gets the reason of each connection that the server closes.

        `refused` gets the status and the reason of each request that no application sees.
        """
        self.most = most
        self.closed = closed
        self.refused = refused
        # Connection → since when it waits. The first one has waited for the longest.
        self._waiting = dict[Connection, float]()
        self._sweeping: asyncio.TimerHandle | None = None
        self._logged_at = -_LOG_SECONDS

    def waits(self, connection: Connection, everyone: Sized) -> None:
        """Notes that a connection, one of `everyone`, is new, or has its answer."""
        self._waiting[connection] = asyncio.get_running_loop().time()
        if len(everyone) > self.most and self._sweeping is None:
            self._sweep_later(everyone)

    def heard(self, connection: Connection) -> None:
        """Notes that a connection has sent a head, or is lost."""
        self._waiting.pop(connection, None)

    def too_many(self, number: int) -> bool:
        """Whether there are too many connections; logs it once a minute."""
        if number <= self.most:
            return False
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= _LOG_SECONDS:
            self._logged_at = now
            _log.warning("there are too many connections", connections=number, most=self.most)
        return True

    def _sweep_later(self, everyone: Sized) -> None:
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep, everyone)

    def _sweep(self, everyone: Sized) -> None:
        self._sweeping = None
        before = asyncio.get_running_loop().time() - _SWEEP_SECONDS
        excess = max(0, len(everyone) - self.most)
        for connection, since in [*self._waiting.items()][:excess]:
            if since <= before:
                connection.end("limit")
        if self.too_many(len(everyone)):
            self._sweep_later(everyone)


UNLIMITED: Final = Connections(2**31)
"""For an application without a lifespan."""


def default_most() -> int:
    """80 % of the descriptors that this process may have."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return UNLIMITED.most
    return int(_SHARE_OF_DESCRIPTORS * descriptors)


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of requests beyond the limit: 503."""
    message = "The server has too many connections. Try again."
    response = error_response(scope["path"], 503, Overloaded.code, message, Overloaded.headers)
    await response(scope, receive, send)
