"""The application: routes and middleware, put together from settings and a database."""

from contextlib import suppress
from typing import Any

import pymongo
from prometheus_client import CONTENT_TYPE_LATEST
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from errors import ServiceUnavailable
from exports.downloads import Exports
from exports.routes import routes
from loaders.rollup_reader import RollupReader
from rollups.prometheus import rollup_figures
from server.clock import now
from server.embedded.demo_access import DemoAccess
from server.http.bodies import BoundedBodies
from server.http.console import Console
from server.http.disconnects import Disconnects
from server.http.graphql_endpoint import Endpoint
from server.http.private import Private
from server.rollups import rollup_database
from server.settings import Settings
from server.telemetry import Figures, Telemetry

_PING_SECONDS = 2


_AWAY = "The database can't be reached."


async def _alive(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _not_ready() -> Response:
    answer = {"status": "unavailable", "reason": _AWAY}
    return JSONResponse(answer, status_code=503, headers=ServiceUnavailable.headers)


async def _unavailable(request: Request) -> Response:
    if request.url.path == "/readyz":
        return _not_ready()
    error = {"message": _AWAY, "extensions": {"code": ServiceUnavailable.code}}
    return JSONResponse({"errors": [error]}, status_code=503, headers=ServiceUnavailable.headers)


away = Starlette(
    routes=[Route("/healthz", _alive), Route("/{path:path}", _unavailable, methods=None)],
    middleware=[Middleware(Private)],
)
"""The application of a process that has no database yet."""


def create(
    settings: Settings,
    database: AsyncDatabase[dict[str, Any]],
    figures: Figures | None = None,
    demo: DemoAccess | None = None,
) -> Starlette:
    """The ASGI application; raises `StartupError` where tokens could not be verified."""
    figures = figures or Figures()
    kept = RollupReader(rollup_database(settings, database)) if settings.rollups != "off" else None
    console = Console(settings, demo)
    endpoint = Endpoint(settings, settings.verifier(), kept, console.graphiql)
    exports = Exports(
        settings.verifier(),
        settings.links(),
        zone=settings.zone,
        links_only=settings.export_query_token == "signed",  # noqa: S105
        at_once=max(1, settings.max_exports // settings.workers),
        seconds=settings.request_timeout,
        clock=now,
    )

    async def ready(request: Request) -> Response:
        try:
            with pymongo.timeout(_PING_SECONDS):
                await database.command("ping")
        except PyMongoError:
            return _not_ready()
        return JSONResponse({"status": "ok"})

    async def metrics(request: Request) -> Response:
        text = figures.text()
        if kept is not None:
            # Of what is away nothing is known.
            with suppress(PyMongoError), pymongo.timeout(_PING_SECONDS):
                text += rollup_figures((await kept.states())[1])
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/graphql", endpoint),
            Route("/healthz", _alive),
            Route("/readyz", ready),
            Route("/metrics", metrics),
            *routes(exports),
            *console.routes(),
        ],
        middleware=[
            Middleware(Private),
            Middleware(Telemetry, figures),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type", "x-request-id"],
                expose_headers=[
                    "content-disposition",
                    "retry-after",
                    "x-request-id",
                    "www-authenticate",
                ],
            ),
            Middleware(Disconnects),
            Middleware(BoundedBodies),
        ],
    )
