"""The application: routes and middleware, put together from settings and a database."""

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

from server.graphql import Endpoint
from server.settings import Settings
from server.telemetry import Figures, Telemetry

_PING_SECONDS = 2


def create(
    settings: Settings, database: AsyncDatabase[dict[str, Any]], figures: Figures | None = None
) -> Starlette:
    """The ASGI application; raises `StartupError` where tokens could not be verified."""
    figures = figures or Figures()
    endpoint = Endpoint(settings, settings.verifier())

    async def alive(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        try:
            with pymongo.timeout(_PING_SECONDS):
                await database.command("ping")
        except PyMongoError:
            return JSONResponse(
                {"status": "unavailable", "reason": "The database can't be reached."},
                status_code=503,
                headers={"retry-after": "5"},
            )
        return JSONResponse({"status": "ok"})

    async def metrics(request: Request) -> Response:
        return Response(figures.text(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/graphql", endpoint),
            Route("/healthz", alive),
            Route("/readyz", ready),
            Route("/metrics", metrics),
        ],
        middleware=[
            Middleware(Telemetry, figures),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type", "x-request-id"],
                expose_headers=["x-request-id", "www-authenticate"],
            ),
        ],
    )
