"""The ASGI application of a worker process: connects to the database, and serves."""

import asyncio
import signal
from contextlib import AsyncExitStack
from multiprocessing import parent_process
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from auth.tokens import Verifier
from cancelling import running
from errors import StartupError
from rollups.keeper.reads import recording
from rollups.keeper.supervisor import maintaining
from rollups.layout.rollup import rollups
from server import log
from server.collector import scan_when_idle, tune_collector
from server.database import connect
from server.denylist import following_denylist
from server.embedded.demo_access import DemoAccess
from server.http.application import create, not_ready
from server.http.connections import STATE, Connections, default_most
from server.http.stopping import CLEANUP_SECONDS, Stopping, end_within
from server.metrics import PrometheusMetrics
from server.mongodb_events import CommandTimer, PoolMeter
from server.rollups import rollup_store
from server.settings import Settings
from server.tracing import Tracing, tracing

_log = structlog.get_logger(__name__)

_CONNECT_SECONDS: Final = 7
"""How long a start waits for the database: longer than the first attempt takes."""
_SHUTDOWN_SECONDS: Final = 3
"""How long cancelled requests may take to close their cursors."""


class WorkerApplication:
    """Connects to the database at startup, and disconnects at shutdown.

    It is pickled and sent to the worker processes. A worker that starts while the database can't be
    reached answers what needs none until it is connected.
    """

    def __init__(self, settings: Settings, uri: str, demo: DemoAccess | None) -> None:
        self._settings = settings
        self._uri = uri
        self._demo = demo
        self._application: ASGIApp | None = None
        self._requests = set[Any]()
        self._stopping = Stopping(settings.drain_seconds, settings.request_timeout)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        application = self._application or not_ready("The server is starting.")
        if self._stopping.draining and scope["path"] == "/readyz":
            application = not_ready("The server is stopping.")
        request = asyncio.current_task()
        self._requests.add(request)
        try:
            await application(scope, receive, send)
        except asyncio.CancelledError:
            # Only the shutdown cancels this task; uvicorn would log it as an error.
            pass
        finally:
            self._requests.discard(request)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        log.configure(self._settings.log_format)
        metrics, traces = PrometheusMetrics(), tracing(self._settings.tracing)
        scope["state"][STATE] = Connections(
            self._settings.max_connections or default_most(),
            lambda reason: metrics.connections_closed.labels(reason).inc(),
            lambda status, reason: metrics.http_errors.labels(status, reason).inc(),
        )
        self._stopping.listen()
        if parent := parent_process():
            _stop_with(parent.sentinel)
        async with AsyncExitStack() as stack:
            stack.callback(traces.close)
            await stack.enter_async_context(running(metrics.measure_event_loop()))
            await stack.enter_async_context(running(scan_when_idle(lambda: not self._requests)))
            verifier = self._settings.verifier(metrics.key_set_read)
            if verifier.key_set is not None:
                await stack.enter_async_context(running(verifier.key_set.keep_fresh()))
            connecting = asyncio.create_task(self._connect(stack, verifier, metrics, traces))
            await asyncio.wait([connecting], timeout=_CONNECT_SECONDS)
            if connecting.done():
                connecting.result()
            if self._application is None:
                self._application = create(
                    self._settings, None, metrics, self._demo, traces, verifier=verifier
                )
            await send({"type": "lifespan.startup.complete"})
            await receive()
            end_within(CLEANUP_SECONDS)
            connecting.cancel()
            await asyncio.wait([connecting, *self._requests], timeout=_SHUTDOWN_SECONDS)
        await send({"type": "lifespan.shutdown.complete"})

    async def _connect(
        self,
        stack: AsyncExitStack,
        verifier: Verifier,
        metrics: PrometheusMetrics,
        traces: Tracing,
    ) -> None:
        connected = False
        while not connected:
            try:
                timer, meter = CommandTimer(metrics), PoolMeter(metrics)
                database = await stack.enter_async_context(
                    connect(self._uri, self._settings, timer, meter, *traces.listeners)
                )
                application = create(
                    self._settings, database, metrics, self._demo, traces, timer, verifier=verifier
                )
                # No request is answered before the denylist is read.
                await stack.enter_async_context(
                    following_denylist(
                        self._settings, database, verifier.denylist, metrics.denylist_read
                    )
                )
                self._application, connected = application, True
                if self._settings.rollups != "off":
                    store = rollup_store(self._settings, database)
                    await stack.enter_async_context(
                        maintaining(store, rollups(self._settings.catalog))
                    )
                    await stack.enter_async_context(
                        recording(store, application.state.rollup_reads)
                    )
            except StartupError as error:
                _log.warning("the worker waits for the database", reason=str(error))
                await asyncio.sleep(1)
        tune_collector()


def _stop_with(sentinel: int) -> None:
    """Stops this process when its parent process has ended, even by SIGKILL."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(sentinel)
        signal.raise_signal(signal.SIGINT)

    loop.add_reader(sentinel, stop)
