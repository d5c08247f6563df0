"""Telemetry: a request id and a log line for each request, its metrics and its trace."""

import re
import time
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import INTERNAL_ERROR, REASON
from server.http.errors import error_response
from server.metrics import PrometheusMetrics
from server.tracing import RequestSpan, Tracing

LOG_FIELDS = "headcount.log"
"""Where in a request's scope the application puts further fields of its line in the log."""

_log = structlog.get_logger("headcount.access")
_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_CLIENT_CLOSED_REQUEST: Final = 499
"""The status that nginx logs for a response that never began."""


def _phrase(status: int) -> str:
    """A status in words, as `not_found`."""
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")


def _ids(request_id: str, span: RequestSpan) -> dict[str, str]:
    """The ids in each log line of a request."""
    ids = {"request_id": request_id}
    return ids if span.trace_id is None else ids | {"trace_id": span.trace_id}


def _internal_error(path: str, request_id: str) -> Response:
    message = "An internal error occurred. The server's log has it under the request id."
    return error_response(path, 500, INTERNAL_ERROR, message, requestId=request_id)


class Telemetry:
    """ASGI middleware: adds a request id to each request, logs, counts and traces it.

    The log has the path without the query, which may contain a token. The application adds fields
    in the scope's `LOG_FIELDS`.
    """

    def __init__(self, app: ASGIApp, metrics: PrometheusMetrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        header = Headers(scope=scope).get("x-request-id", "")
        request_id = header if _REQUEST_ID.fullmatch(header) else uuid4().hex
        started = time.perf_counter()
        status = _CLIENT_CLOSED_REQUEST
        complete = False
        sent = 0
        scope[LOG_FIELDS] = details = dict[str, Any]()

        async def observed_send(message: Message) -> None:
            nonlocal status, complete, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body")
            sent += len(message.get("body", b""))

        with (
            self._tracing.request(scope) as span,
            structlog.contextvars.bound_contextvars(**_ids(request_id, span)),
        ):
            try:
                await self._app(scope, receive, observed_send)
            except Exception as error:
                _log.exception("request failed", exc_info=error)
                if status == _CLIENT_CLOSED_REQUEST:
                    await _internal_error(scope["path"], request_id)(scope, receive, observed_send)
            finally:
                seconds = time.perf_counter() - started
                path = getattr(scope.get("route"), "path", None)
                span.answered(path, status)
                route = path or "other"
                self._metrics.requests.labels(route, status).inc()
                self._metrics.request_seconds.labels(route).observe(seconds)
                if status >= HTTPStatus.BAD_REQUEST and status != _CLIENT_CLOSED_REQUEST:
                    details["reason"] = scope.get(REASON) or _phrase(status)
                    self._metrics.http_errors.labels(status, details["reason"]).inc()
                if not complete:
                    self._metrics.incomplete_responses.labels(route).inc()
                _log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    client=(scope.get("client") or [None])[0],
                    status=status,
                    whole=complete,
                    bytes=sent,
                    ms=round(seconds * 1000, 1),
                    **details,
                )
