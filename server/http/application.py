"""The Starlette application: routes and middleware."""

from pathlib import Path
from typing import Any

import pymongo
from prometheus_client import CONTENT_TYPE_LATEST
from pymongo import ReadPreference
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import exports.routes
import rest.endpoint
from auth.tokens import Verifier
from errors import ServiceUnavailable
from exports.downloads import Downloads
from exports.slots import ExportSlots
from loaders.replication import Replication
from rest.operation import STORED, stored_operations
from rollups.prometheus import rollup_figures
from server.clock import now
from server.embedded.demo_access import DemoAccess
from server.http.bodies import BoundedBodies
from server.http.compression import Compression, compresses
from server.http.connections import METRICS
from server.http.console import Console
from server.http.cross_origin import cross_origin
from server.http.disconnects import CancelOnDisconnect
from server.http.errors import HTTP_ERRORS
from server.http.graphql_endpoint import Endpoint
from server.http.hosts import Hosts, base_url
from server.http.metrics_port import MetricsPort
from server.http.operations import UNREACHABLE, Operations
from server.http.private_responses import PrivateResponses
from server.http.proxies import ForwardedHeaders
from server.http.refusals import DelayedRefusals
from server.metrics import PrometheusMetrics
from server.mongodb_events import CommandTimer
from server.rollups import rollup_reader
from server.settings import Settings
from server.telemetry import Telemetry
from server.tracing import Tracing

_PING_SECONDS = 2
_RECENT_SECONDS = 1


async def live(request: Request) -> Response:
    """The answer of `/healthz`."""
    return JSONResponse({"status": "ok"})


def not_ready(reason: str) -> Response:
    """The answer of `/readyz` while the server is not ready."""
    status = {"status": "unavailable", "reason": reason}
    return JSONResponse(status, status_code=503, headers=ServiceUnavailable.headers)


def create(
    settings: Settings,
    database: AsyncDatabase[dict[str, Any]] | None,
    metrics: PrometheusMetrics | None = None,
    demo: DemoAccess | None = None,
    tracing: Tracing | None = None,
    commands: CommandTimer | None = None,
    stored: Path = STORED,
    verifier: Verifier | None = None,
) -> Starlette:
    """The ASGI application; raises `StartupError` without a secret and a key set.

    Without a database, which can't be reached yet, it answers what needs none. `commands` observes
    the commands of the database's client. `stored` is the folder of stored operations.

    The application's `state.rollup_reads` maps a level's name to how often its cells were read.
    """
    metrics, tracing = metrics or PrometheusMetrics(), tracing or Tracing()
    verifier = verifier or settings.verifier(metrics.key_set_read)
    reader = replication = None
    reads_primary = database is not None and database.read_preference == ReadPreference.PRIMARY
    if database is not None:
        reader = rollup_reader(settings, database, metrics)
        replication = None if reads_primary else Replication(database, now)
    reachable = database is not None
    console = Console(settings, demo)
    operations = Operations(
        settings, verifier, reader, replication, metrics, tracing, reachable=reachable
    )
    endpoint = Endpoint(settings, operations, console.graphiql, metrics)
    of_paths = stored_operations(endpoint.built, operations.turns, stored)
    downloads = Downloads(
        verifier=verifier,
        link_signer=settings.link_signer(verifier.denylist),
        zone=settings.zone,
        links_only=settings.export_query_token == "signed",  # noqa: S105
        slots=ExportSlots(max(1, settings.max_exports // settings.workers)),
        read_seconds=settings.request_timeout,
        clock=now,
        rollups=reader,
        catalog=settings.catalog,
        reachable=reachable,
    )

    async def ready(request: Request) -> Response:
        if database is None:
            return not_ready(UNREACHABLE)
        # Under load, a ping would take its time to tell the same.
        if reads_primary and commands and commands.seconds_since_success < _RECENT_SECONDS:
            return JSONResponse({"status": "ok"})
        try:
            with pymongo.timeout(_PING_SECONDS):
                await database.command("ping", read_preference=database.read_preference)
        except PyMongoError:
            return not_ready(UNREACHABLE)
        return JSONResponse({"status": "ok"})

    async def show_metrics(request: Request) -> Response:
        text = metrics.text()
        if reader is not None:
            # An unreachable database leaves out the figures of states.
            text += rollup_figures((await reader.states())[1])
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    described = [rest.endpoint.openapi_route(of_paths, base_url(settings.public_url))]
    application = Starlette(
        routes=[
            Route("/graphql", endpoint),
            Route("/healthz", live),
            Route("/readyz", ready),
            Route(METRICS, show_metrics),
            *exports.routes.routes(downloads),
            *rest.endpoint.routes(of_paths, operations.running, compresses),
            *(described if settings.introspection else ()),
            *console.routes(),
        ],
        exception_handlers=HTTP_ERRORS,
        middleware=[
            Middleware(DelayedRefusals),
            Middleware(ForwardedHeaders, settings.forwarded_allow_ips),
            Middleware(PrivateResponses),
            Middleware(Telemetry, metrics, tracing),
            Middleware(Hosts, settings.allowed_hosts),
            Middleware(MetricsPort, settings.own_metrics_port),
            cross_origin(settings),
            Middleware(Compression),
            Middleware(CancelOnDisconnect),
            Middleware(BoundedBodies),
        ],
    )
    # The redirect to a path without its last slash names the request's host, and no prefix.
    application.router.redirect_slashes = settings.public_url is None
    application.state.rollup_reads = {} if reader is None else reader.reads
    return application
