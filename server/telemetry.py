"""What operators see: request ids, one log line a request, figures for Prometheus."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = structlog.get_logger("headcount.access")
# Where prometheus-client looks for files that processes share.
_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class Figures:
    """The figures that `/metrics` shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "headcount_http_requests",
            "HTTP requests answered.",
            ["route", "status"],
            registry=self.registry,
        )
        self.broken_off = Counter(
            "headcount_http_responses_broken_off",
            "HTTP responses that ended before they were whole.",
            ["route"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "headcount_http_request_seconds",
            "Seconds from a request's arrival to the end of its answer.",
            ["route"],
            registry=self.registry,
        )
        self.commands = Histogram(
            "headcount_mongodb_command_seconds",
            "Seconds that a command to MongoDB took.",
            ["command", "outcome"],
            registry=self.registry,
        )

    def text(self) -> bytes:
        """The figures of all processes, in Prometheus' format."""
        registry = self.registry
        if _DIRECTORY in os.environ:
            registry = CollectorRegistry()
            collect: Any = MultiProcessCollector
            collect(registry)
        return generate_latest(registry)


@contextmanager
def shared_figures() -> Iterator[None]:
    """Lets the processes that are started meanwhile add up their figures."""
    with TemporaryDirectory() as directory:
        os.environ[_DIRECTORY] = directory
        yield
        del os.environ[_DIRECTORY]


class Commands(CommandListener):
    """Times the commands that are sent to MongoDB."""

    def __init__(self, figures: Figures) -> None:
        self._seconds = figures.commands

    def started(self, event: CommandStartedEvent) -> None:
        """Nothing: a command's end says all."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._seconds.labels(event.command_name, "ok").observe(event.duration_micros / 1e6)

    def failed(self, event: CommandFailedEvent) -> None:
        self._seconds.labels(event.command_name, "failed").observe(event.duration_micros / 1e6)


def _unforeseen(request_id: str) -> Response:
    error = {
        "message": "Something went wrong; the server's log says what, under this request's id.",
        "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": request_id},
    }
    return JSONResponse({"errors": [error]}, status_code=500)


class Telemetry:
    """ASGI middleware: a request id, a line in the log and the figures, for each request.

    The log has the path without its query, which may hold a token.
    """

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        started = time.perf_counter()
        # What a client that went away is taken to have got, as by other servers.
        status = 499
        whole = False

        async def observed(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)
            whole = message["type"] == "http.response.body" and not message.get("more_body")

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, observed)
            except Exception as error:
                _log.exception("a request failed", exc_info=error)
                if status == 499:
                    await _unforeseen(request_id)(scope, receive, observed)
            finally:
                seconds = time.perf_counter() - started
                route = getattr(scope.get("route"), "path", "other")
                self._figures.requests.labels(route, status).inc()
                self._figures.seconds.labels(route).observe(seconds)
                if not whole:
                    self._figures.broken_off.labels(route).inc()
                _log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    whole=whole,
                    ms=round(seconds * 1000, 1),
                )
