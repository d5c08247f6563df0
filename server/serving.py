"""Running the server, and the demo around it."""

import asyncio
import gc
import hashlib
import math
import os
import secrets
import signal
import socket
from contextlib import AsyncExitStack
from multiprocessing import parent_process
from typing import Any

import click
import structlog
import uvicorn
from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from errors import StartupError
from rollups.keeper.supervisor import maintaining
from rollups.layout.rollup import ROLLUPS
from server import log
from server.commands import data
from server.database import connect
from server.embedded.demo_access import DemoAccess, demo_access, demo_tokens
from server.http import application as app
from server.http.protocol import Protocol
from server.rollups import check_rollups, rollup_store
from server.settings import PREFIX, Settings
from server.telemetry import Commands, Figures, shared_figures

_log = structlog.get_logger(__name__)

# More than the first attempt takes.
_CONNECT_SECONDS = 7
# What is left to requests that were cancelled.
_ENDING_SECONDS = 3
_NOT_SENT = 131_072


def serve(settings: Settings) -> None:
    """Serves until a signal ends it; raises `StartupError` where it can't."""
    settings.verifier()
    with _listening(settings) as listener, data.address(settings) as uri:
        _run(settings, uri, listener)


def demo(settings: Settings, scale: float) -> None:
    """Fills the database with demo data, once; prints a token for each role; serves."""
    own_secret = settings.jwt_secret is None and settings.jwt_jwks is None
    changed: dict[str, Any] = {"dashboard": settings.dashboard is not False}
    if own_secret:
        changed["jwt_secret"] = SecretStr(_demo_secret(settings))
    settings = settings.model_copy(update=changed)
    with _listening(settings) as listener, data.address(settings) as uri:
        with data.opened_at(uri, settings) as database:
            data.seed_once(database, settings, scale)
            # Tokens that are good elsewhere, or for others' data, are printed here, and no more.
            access = demo_access(database, settings) if own_secret else None
        # Who reads the welcome and asks at once is to wait, not to be refused.
        listener.listen()
        _welcome(settings, listener)
        _run(settings, uri, listener, access)


class _Process:
    """The ASGI application of a process, which is connected to its database from start to end.

    It is given to other processes, which make the same of it. One that is started while the
    database is away, in place of one that died, answers that until it is back.
    """

    def __init__(self, settings: Settings, uri: str, demo: DemoAccess | None) -> None:
        self._settings = settings
        self._uri = uri
        self._demo = demo
        self._application: ASGIApp | None = None
        self._answering = set[Any]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            answering = asyncio.current_task()
            self._answering.add(answering)
            # Only the end of this process cancels it: nothing to be logged as a failure.
            try:
                await (self._application or app.away)(scope, receive, send)
            except asyncio.CancelledError:
                pass
            finally:
                self._answering.discard(answering)
            return
        await receive()
        log.configure(self._settings.log_format)
        if parent := parent_process():
            _end_with(parent.sentinel)
        async with AsyncExitStack() as stack:
            connecting = asyncio.create_task(self._connect(stack))
            await asyncio.wait([connecting], timeout=_CONNECT_SECONDS)
            if connecting.done():
                connecting.result()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            connecting.cancel()
            # What was cancelled is to close its cursors, and to say so.
            await asyncio.wait([connecting, *self._answering], timeout=_ENDING_SECONDS)
        await send({"type": "lifespan.shutdown.complete"})

    async def _connect(self, stack: AsyncExitStack) -> None:
        figures = Figures()
        while self._application is None:
            try:
                database = await stack.enter_async_context(
                    connect(self._uri, self._settings, Commands(figures))
                )
                self._application = app.create(self._settings, database, figures, self._demo)
                if self._settings.rollups != "off":
                    store = rollup_store(self._settings, database)
                    await stack.enter_async_context(maintaining(store, ROLLUPS))
            except StartupError as error:
                _log.warning("this process waits for the database", reason=str(error))
                await asyncio.sleep(1)
        # What is there now stays: looking for garbage in it stopped requests for 60 ms.
        gc.collect()
        gc.freeze()


def _end_with(sentinel: int) -> None:
    """Ends this process when the one that started it, and would end it, is gone."""
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(sentinel)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sentinel, ended)


def _run(
    settings: Settings, uri: str, listener: socket.socket, demo: DemoAccess | None = None
) -> None:
    config = uvicorn.Config(
        _Process(settings, uri, demo),
        http=Protocol,
        lifespan="on",
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.request_timeout),
        ws="none",
    )
    # What can't be reached is told in a line, before there are processes that would tell it.
    with data.opened_at(uri, settings):
        pass
    if settings.rollups == "on":
        check_rollups(settings, uri)
    if settings.workers == 1:
        server = uvicorn.Server(config)
        server.run([listener])
        started = server.started
    else:
        with shared_figures():
            supervisor = Multiprocess(config, [listener])
            supervisor.run()
        started = all(each.exitcode != STARTUP_FAILURE for each in supervisor.processes)
    if not started:
        raise StartupError("The server could not start: the log says why.")


def _listening(settings: Settings) -> socket.socket:
    # Before all that takes time: a taken port should be known at once.
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With its protocol named: else asyncio leaves Nagle's algorithm on, which costs small answers
    # some 45 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Whether a client reads on is seen soon, and not when megabytes have left the system.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _NOT_SENT)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise StartupError(
            f"Can't listen on {settings.host} port {settings.port} ({error.strerror}): "
            f"set {PREFIX}HOST and {PREFIX}PORT to an address that is free."
        ) from error
    return listener


def _demo_secret(settings: Settings) -> str:
    # Kept, so that a token goes on working when the demo is started again; of each database one,
    # so that it opens no other.
    name = "jwt-secret"
    if settings.mongodb_uri is not None:
        of = f"{settings.mongodb_uri.get_secret_value()} {settings.database} {settings.collections}"
        name += f"-{hashlib.sha256(of.encode()).hexdigest()[:16]}"
    file = data.FOLDER / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        made = file.with_suffix(f".{os.getpid()}")
        with open(os.open(made, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as secret:
            secret.write(secrets.token_urlsafe(48))
        made.rename(file)
    return file.read_text().strip()


def _welcome(settings: Settings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    click.echo()
    if settings.dashboard:
        click.echo(f"Dashboard: {url}\n")
    if settings.introspection:
        click.echo(f"GraphiQL: {url}graphql\n")
    if settings.jwt_secret is None:
        click.echo("Tokens: your key set's issuer makes them; headcount only verifies.\n")
        return
    for role, made in demo_tokens(settings).items():
        click.echo(f"{role}: {made}\n")
    click.echo("A request carries one of them: 'Authorization: Bearer <token>'.\n")
