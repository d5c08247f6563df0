"""The command `headcount serve`: binds the address, and runs uvicorn with its workers."""

import math
import socket
from typing import Final

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from errors import StartupError
from server.database import database_uri, open_database
from server.embedded.demo_access import DemoAccess
from server.http.protocol import Protocol
from server.http.worker import WorkerApplication
from server.rollups import check_rollups
from server.settings import PREFIX, Settings
from server.telemetry import multiprocess_metrics

_UNSENT_BYTES: Final = 131_072
"""How much data the kernel buffers for a client that does not read."""


def serve(settings: Settings) -> None:
    """Serves until a signal ends it; raises `StartupError` if it can't start."""
    settings.verifier()
    with bind(settings) as listener, database_uri(settings) as uri:
        run(settings, uri, listener)


def run(
    settings: Settings, uri: str, listener: socket.socket, demo: DemoAccess | None = None
) -> None:
    """Serves on a bound socket until a signal ends it; raises `StartupError` if it can't start."""
    config = uvicorn.Config(
        WorkerApplication(settings, uri, demo),
        http=Protocol,
        lifespan="on",
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.request_timeout),
        ws="none",
    )
    # Reports an unreachable database in one line, before every worker would report it.
    with open_database(uri, settings):
        pass
    if settings.rollups == "on":
        check_rollups(settings, uri)
    if settings.workers == 1:
        server = uvicorn.Server(config)
        server.run([listener])
        started = server.started
    else:
        with multiprocess_metrics():
            supervisor = Multiprocess(config, [listener])
            supervisor.run()
        started = all(each.exitcode != STARTUP_FAILURE for each in supervisor.processes)
    if not started:
        raise StartupError("The server could not start: see the log above for the reason.")


def bind(settings: Settings) -> socket.socket:
    """A socket that is bound to the configured address; raises `StartupError` if it is taken.

    Call it before slow steps, so that a taken port is reported at once.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off, which delays small responses by 45 ms, only for sockets
    # with an explicit protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A small buffer shows early that a client has stopped reading.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise StartupError(
            f"Can't listen on {settings.host} port {settings.port} ({error.strerror}): "
            f"set {PREFIX}HOST and {PREFIX}PORT to an address that is free."
        ) from error
    return listener
