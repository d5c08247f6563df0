"""Tracing by OpenTelemetry: a span for each request, resolver and command to MongoDB.

Names and attributes are those of OpenTelemetry's semantic conventions for HTTP servers, GraphQL
servers and database clients.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes.client_attributes import CLIENT_ADDRESS
from opentelemetry.semconv.attributes.db_attributes import (
    DB_COLLECTION_NAME,
    DB_NAMESPACE,
    DB_OPERATION_NAME,
    DB_RESPONSE_STATUS_CODE,
    DB_SYSTEM_NAME,
)
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_REQUEST_METHOD_ORIGINAL,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.semconv.attributes.network_attributes import NETWORK_PROTOCOL_VERSION
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME
from opentelemetry.semconv.attributes.url_attributes import URL_PATH, URL_SCHEME
from opentelemetry.semconv.attributes.user_agent_attributes import USER_AGENT_ORIGINAL
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_trace_id,
    get_current_span,
)
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)
from starlette.datastructures import Headers
from starlette.types import Scope

from errors import HeadcountError
from server.http.connections import CHECKS
from server.tracing import RequestSpan, Tracing

# The conventions' attributes of GraphQL are not stable: the package has no public name for them.
_GRAPHQL_OPERATION_NAME: Final = "graphql.operation.name"
_GRAPHQL_OPERATION_TYPE: Final = "graphql.operation.type"

_METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
_OTHER_METHOD: Final = "_OTHER"


def otlp_provider() -> TracerProvider:
    """A provider that sends spans by OTLP over HTTP; the `OTEL_…` variables configure it."""
    resource = Resource.create({SERVICE_NAME: "headcount"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class OpenTelemetry(Tracing):
    """Records requests, except probes and scrapes, with their resolvers and commands."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("headcount", schema_url=Schemas.V1_44_0.value)
        self.listeners = (_Commands(self._tracer),)

    @contextmanager
    def request(self, scope: Scope) -> Iterator[RequestSpan]:
        if scope["path"] in CHECKS:
            yield RequestSpan()
            return
        headers = Headers(scope=scope)
        with self._tracer.start_as_current_span(
            _method(scope),
            # The parent is that of the request's header `traceparent`.
            extract(headers),
            SpanKind.SERVER,
            _request_attributes(scope, headers),
        ) as span:
            yield _RequestSpan(span, _method(scope))

    def operation(self, name: str | None) -> None:
        span = get_current_span()
        span.set_attribute(_GRAPHQL_OPERATION_TYPE, "query")
        if name is not None:
            span.set_attribute(_GRAPHQL_OPERATION_NAME, name)

    @contextmanager
    def field(self, name: str) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                # Not the message: it may quote the caller's values.
                name = type(error).__qualname__
                _fail(span, error.code if isinstance(error, HeadcountError) else name)
                raise

    def close(self) -> None:
        self._provider.shutdown()


class _RequestSpan(RequestSpan):
    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method
        self.trace_id = format_trace_id(span.get_span_context().trace_id)

    def answered(self, route: str | None, status: int) -> None:
        self._span.set_attribute(HTTP_RESPONSE_STATUS_CODE, status)
        if route is not None:
            self._span.update_name(f"{self._method} {route}")
            self._span.set_attribute(HTTP_ROUTE, route)
        if status >= 500:
            _fail(self._span, str(status))


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else _OTHER_METHOD


def _request_attributes(scope: Scope, headers: Headers) -> dict[str, Any]:
    """The attributes of a request. Its query is none of them: it may have a token."""
    attributes: dict[str, Any] = {
        HTTP_REQUEST_METHOD: _method(scope),
        URL_PATH: scope["path"],
        URL_SCHEME: scope["scheme"],
        NETWORK_PROTOCOL_VERSION: scope["http_version"],
    }
    if attributes[HTTP_REQUEST_METHOD] == _OTHER_METHOD:
        attributes[HTTP_REQUEST_METHOD_ORIGINAL] = scope["method"]
    if scope.get("server"):
        attributes |= _server(*scope["server"])
    if scope.get("client"):
        attributes[CLIENT_ADDRESS] = scope["client"][0]
    if "user-agent" in headers:
        attributes[USER_AGENT_ORIGINAL] = headers["user-agent"]
    return attributes


def _server(address: str, port: int | None) -> dict[str, Any]:
    """The attributes of a server; a Unix socket has no port."""
    return {SERVER_ADDRESS: address} | ({} if port is None else {SERVER_PORT: port})


def _fail(span: Span, error_type: str) -> None:
    span.set_attribute(ERROR_TYPE, error_type)
    span.set_status(Status(StatusCode.ERROR))


class _Commands(CommandListener):
    """Records the commands to MongoDB that a recorded request waits for, by their names.

    The driver reports a command's end in the task that sent it. It does not report that of a
    cancelled command: its span is never sent.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._span = ContextVar[Span | None]("span", default=None)

    def started(self, event: CommandStartedEvent) -> None:
        # The current span may have ended: that of the field that started a batch.
        if not get_current_span().get_span_context().trace_flags.sampled:
            self._span.set(None)
            return
        name = event.command_name
        # `getMore` names the cursor first, and its collection after it.
        collection = event.command.get("collection" if name == "getMore" else name)
        attributes: dict[str, Any] = {
            DB_SYSTEM_NAME: "mongodb",
            DB_NAMESPACE: event.database_name,
            DB_OPERATION_NAME: name,
            **_server(*event.connection_id),
        }
        if isinstance(collection, str):
            attributes[DB_COLLECTION_NAME] = collection
            name += f" {collection}"
        self._span.set(self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if (span := self._span.get()) is not None:
            span.end()

    def failed(self, event: CommandFailedEvent) -> None:
        if (span := self._span.get()) is not None:
            if "code" in event.failure:
                span.set_attribute(DB_RESPONSE_STATUS_CODE, str(event.failure["code"]))
            _fail(
                span, str(event.failure.get("codeName") or event.failure.get("errtype", "_OTHER"))
            )
            span.end()
