"""The command `headcount serve`: binds the address, and runs uvicorn with its workers."""

import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE

from errors import StartupError
from server.database import database_uri, open_database
from server.denylist import check_denylist
from server.embedded.demo_access import DemoAccess
from server.http.connections import IDLE_SECONDS
from server.http.protocol import Protocol
from server.http.stopping import CLEANUP_FAILURE, grace_seconds, limit_of_stop
from server.http.worker import WorkerApplication
from server.metrics import multiprocess_metrics
from server.persisted_documents import check_documents
from server.rollups import check_rollups
from server.settings import PREFIX, Settings
from server.tracing import tracing
from server.workers import PING_SECONDS, Supervisor

_log = structlog.get_logger(__name__)

_UNSENT_BYTES: Final = 131_072
"""How much data the kernel buffers for a client that does not read."""


def serve(settings: Settings) -> None:
    """Serves until a signal ends it; raises `StartupError` if it can't start."""
    settings.verifier()
    with bind(settings) as listeners, database_uri(settings) as uri:
        run(settings, uri, listeners)


def run(
    settings: Settings, uri: str, listeners: Sequence[socket.socket], demo: DemoAccess | None = None
) -> None:
    """Serves on bound sockets until a signal ends it; raises `StartupError` if it can't start."""
    config = uvicorn.Config(
        WorkerApplication(settings, uri, demo),
        http=Protocol,
        lifespan="on",
        workers=settings.workers,
        log_config=None,
        access_log=False,
        # The application has its own middleware for it.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=grace_seconds(settings.request_timeout),
        timeout_worker_healthcheck=PING_SECONDS,
        ws="none",
    )
    check_documents(settings.persisted_documents())
    # Raises if it is on and not installed.
    tracing(settings.tracing).close()
    # Reports an unreachable database in one line, before every worker would report it.
    with open_database(uri, settings) as database:
        check_denylist(settings, database)
    if settings.rollups == "on":
        check_rollups(settings, uri)
    if demo is None:
        _warn_of_unchecked_claims(settings)
    for listener in listeners:
        # From here on early requests wait for the server instead of being refused.
        listener.listen()
        _log.info(f"listening on {url_of(listener)}")
    if settings.workers == 1:
        with _clean_exit():
            uvicorn.Server(config).run([*listeners])
        return
    with multiprocess_metrics():
        limit = limit_of_stop(settings.drain_seconds, settings.request_timeout)
        supervisor = Supervisor(config, listeners, limit)
        supervisor.run()
    exit_codes = {each.exitcode for each in supervisor.processes}
    if STARTUP_FAILURE in exit_codes:
        raise StartupError("The server could not start: see the log above for the reason.")
    if CLEANUP_FAILURE in exit_codes:
        raise StartupError("A worker did not stop in time: see the log above.")


def url_of(listener: socket.socket) -> str:
    """The URL of a bound socket, without a slash at its end."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def _clean_exit() -> Iterator[None]:
    """Makes SIGTERM and SIGINT exit with 0: uvicorn raises them again once it has stopped."""
    signals = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.signal(number, lambda *_: sys.exit(0)) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, handlers, strict=True):
            signal.signal(number, handler)


def _warn_of_unchecked_claims(settings: Settings) -> None:
    """Logs a warning for each claim that is not checked, because its setting is missing."""
    for claim, setting, value in (
        ("aud", "JWT_AUDIENCE", settings.jwt_audience),
        ("iss", "JWT_ISSUER", settings.jwt_issuer),
    ):
        if value is None:
            _log.warning(
                "tokens for other services with the same key are accepted: a claim is not checked",
                claim=claim,
                setting=f"{PREFIX}{setting}",
            )


@contextmanager
def bind(settings: Settings) -> Iterator[Sequence[socket.socket]]:
    """Sockets that are bound to the configured port and, if there is one, to that of metrics.

    Raises `StartupError` if an address is taken. Call it before slow steps, so that a taken port is
    reported at once.
    """
    with ExitStack() as stack:
        ports = [(settings.port, "PORT")]
        if settings.own_metrics_port is not None:
            ports.append((settings.own_metrics_port, "METRICS_PORT"))
        yield [stack.enter_context(_bound(settings.host, *each)) for each in ports]


def _bound(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off, which delays small responses by 45 ms, only for sockets
    # with an explicit protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A small buffer shows early that a client has stopped reading.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartupError(
            f"Can't listen on {host} port {port} ({error.strerror}): "
            f"set {PREFIX}HOST and {PREFIX}{setting} to an address that is free."
        ) from error
    return listener
