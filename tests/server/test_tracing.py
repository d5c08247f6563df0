"""Traces: spans of requests, resolvers and commands to MongoDB, by OpenTelemetry."""

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from uuid import uuid4

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, format_span_id, format_trace_id
from pymongo.asynchronous.database import AsyncDatabase

from errors import StartupError
from exports.addresses import EVENTS_DASHBOARD_ROUTE
from server.http import application as app
from server.otel import OpenTelemetry
from server.settings import Settings
from server.tracing import tracing
from tests.commands import ask, run, running
from tests.conftest import SECRET, another_connection, client, post, token

_TRACE = "0af7651916cd43dd8448eb211c80319c"
_PARENT = "b7ad6b7169203331"


class Traced:
    """A client of a server that records traces."""

    def __init__(self, http: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
        self.http = http
        self._exporter = exporter

    def spans(self) -> Sequence[ReadableSpan]:
        """The spans that have ended since the last call, by their starts."""
        ended = sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        self._exporter.clear()
        return ended


@pytest.fixture(scope="module")
async def traced(
    database: AsyncDatabase[dict[str, Any]], mongodb_uri: str, server_settings: Settings
) -> AsyncIterator[Traced]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = OpenTelemetry(provider)
    async with (
        another_connection(database, mongodb_uri, server_settings, *traces.listeners) as own,
        client(app.create(server_settings, own, tracing=traces)) as http,
    ):
        yield Traced(http, exporter)
    traces.close()


@pytest.fixture(autouse=True)
def forget(traced: Traced) -> None:
    traced.spans()


def _context(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


def _parent(span: ReadableSpan) -> str | None:
    return format_span_id(span.parent.span_id) if span.parent else None


def _id(span: ReadableSpan) -> str:
    return format_span_id(_context(span).span_id)


async def test_a_request_is_traced_to_its_aggregations(
    traced: Traced, capsys: pytest.CaptureFixture[str]
) -> None:
    traced.http.headers["traceparent"] = f"00-{_TRACE}-{_PARENT}-01"
    query = "query Totals { orderStats { totalOrders } promoCodeStats { totalPromoCodes } }"
    try:
        response = await post(traced.http, query, token(role="admin"))
    finally:
        del traced.http.headers["traceparent"]
    assert response.status_code == 200, response.text
    assert f"trace_id={_TRACE}" in "".join(capsys.readouterr())
    spans = traced.spans()
    assert {format_trace_id(_context(span).trace_id) for span in spans} == {_TRACE}
    request = spans[0]
    assert (request.name, request.kind, _parent(request)) == (
        "POST /graphql",
        SpanKind.SERVER,
        _PARENT,
    )
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/graphql",
        "url.path": "/graphql",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "server.address": "headcount.test",
        "client.address": "127.0.0.1",
        "user_agent.original": traced.http.headers["user-agent"],
        "graphql.operation.type": "query",
        "graphql.operation.name": "Totals",
    }
    resolvers = [span for span in spans if _parent(span) == _id(request)]
    assert [span.name for span in resolvers] == ["Query.orderStats", "Query.promoCodeStats"]
    commands = [span for span in spans if span.kind == SpanKind.CLIENT]
    # The first field that needs data starts the batch of all fields.
    assert {_parent(span) for span in commands} <= {_id(span) for span in resolvers}
    assert {"aggregate ticket_orders", "aggregate promo_codes"} <= {span.name for span in commands}
    (orders,) = [span for span in commands if span.name == "aggregate ticket_orders"]
    attributes = dict(orders.attributes or {})
    assert isinstance(attributes.pop("server.port"), int)
    assert attributes == {
        "db.system.name": "mongodb",
        "db.namespace": traced_database(orders),
        "db.operation.name": "aggregate",
        "db.collection.name": "ticket_orders",
        "server.address": "127.0.0.1",
    }


def traced_database(span: ReadableSpan) -> object:
    """The database of a command; it is one of the tests'."""
    name = (span.attributes or {})["db.namespace"]
    assert str(name).startswith("headcount_test_")
    return name


async def test_denied_fields_and_failed_requests_are_marked(traced: Traced) -> None:
    await post(traced.http, "{ orderStats { totalOrders } }", token(role="staff"))
    request, field = traced.spans()
    assert field.status.status_code == StatusCode.ERROR
    assert (field.attributes or {})["error.type"] == "FORBIDDEN"
    # The request itself has not failed.
    assert request.status.status_code == StatusCode.UNSET
    await traced.http.get("/nowhere")
    (request,) = traced.spans()
    assert request.name == "GET"
    assert (request.attributes or {})["http.response.status_code"] == 404


async def test_a_failing_request_is_marked(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("schema.limits.OperationLimits._check", fail)
    await post(traced.http, "{ viewer { role } }", token())
    (request,) = traced.spans()
    assert request.status.status_code == StatusCode.ERROR
    assert (request.attributes or {})["error.type"] == "500"
    assert "secret" not in request.to_json()


async def test_commands_that_fail_are_marked(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.run._milliseconds", lambda _: -1)
    await post(traced.http, "{ orderStats { totalOrders } }", token(role="admin"))
    (command,) = [span for span in traced.spans() if span.name == "aggregate ticket_orders"]
    attributes = command.attributes or {}
    assert command.status.status_code == StatusCode.ERROR
    assert (attributes["error.type"], attributes["db.response.status_code"]) == (
        "Location51024",
        "51024",
    )


async def test_probes_are_not_traced_and_queries_of_urls_are_not_recorded(traced: Traced) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        await traced.http.get(path)
    assert not traced.spans()
    secret = token(role="admin")
    await traced.http.get(f"{EVENTS_DASHBOARD_ROUTE}?token={secret}&format=csv")
    request, *commands = traced.spans()
    assert request.name == f"GET {EVENTS_DASHBOARD_ROUTE}"
    assert commands
    assert not any(secret in span.to_json() for span in (request, *commands))
    await traced.http.request("BREW", "/graphql")
    (request,) = traced.spans()
    assert (request.attributes or {})["http.request.method"] == "_OTHER"
    assert (request.attributes or {})["http.request.method_original"] == "BREW"


def test_tracing_needs_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "server.otel")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(StartupError, match=r"install headcount\[otel\]"):
        tracing(True)
    # Nothing is needed while it is off.
    tracing(False).close()


class _Collector(BaseHTTPRequestHandler):
    received: ClassVar[list[ExportTraceServiceRequest]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@contextmanager
def _collector() -> Iterator[str]:
    """The URL of a collector."""
    with HTTPServer(("127.0.0.1", 0), _Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_sends_its_spans_to_a_collector(tmp_path: Path, mongodb_uri: str) -> None:
    with _collector() as url:
        settings = {
            "HEADCOUNT_JWT_SECRET": SECRET,
            "HEADCOUNT_MONGODB_URI": mongodb_uri,
            "HEADCOUNT_DATABASE": f"headcount_test_{uuid4().hex[:12]}",
            "HEADCOUNT_TRACING": "on",
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        }
        bearer = run(tmp_path, "token", "--role", "admin", **settings).stdout.strip()
        with running(tmp_path, "serve", **settings) as (process, served):
            assert ask(served, bearer, "{ orderStats { totalOrders } }")["data"]
            # Spans that have not been sent are sent at the end.
            process.terminate()
            process.wait()
    (resource,) = [each for request in _Collector.received for each in request.resource_spans]
    attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert attributes["service.name"] == "headcount"
    names = [span.name for each in resource.scope_spans for span in each.spans]
    assert {"POST /graphql", "Query.orderStats", "aggregate ticket_orders"} <= {*names}
