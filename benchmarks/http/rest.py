"""A REST server with the reference implementation of `eventStats` and `orderStats`."""

from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from pymongo import AsyncMongoClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth.tokens import Verifier
from auth.viewer import Role
from benchmarks import reference
from errors import Unauthenticated
from server import settings


def application(database: reference.Database, verifier: Verifier) -> Starlette:
    """The application; it requires an admin, like the other servers."""

    def path(field: str, answer: Callable[[Request], Awaitable[Any]]) -> Route:
        async def respond(request: Request) -> Response:
            bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
            try:
                viewer = await verifier.viewer(bearer)
            except Unauthenticated as error:
                return JSONResponse({"detail": str(error)}, status_code=401)
            if viewer.role is not Role.ADMIN:
                return JSONResponse({"detail": "Admins only."}, status_code=403)
            return JSONResponse({"data": {field: await answer(request)}})

        return Route(f"/{field}", respond)

    async def event_stats(request: Request) -> Any:
        limit = int(request.query_params["limit"])
        return await reference.event_stats(database, limit=limit)

    async def order_stats(_: Request) -> Any:
        return await reference.order_stats(database)

    return Starlette(routes=[path("eventStats", event_stats), path("orderStats", order_stats)])


def main() -> None:
    """Serves with Headcount's settings."""
    configured = settings.load_settings()
    uri = configured.mongodb_uri.get_secret_value() if configured.mongodb_uri else None
    client = AsyncMongoClient[dict[str, Any]](uri, tz_aware=True)
    app = application(client[configured.database], configured.verifier())
    uvicorn.run(app, port=configured.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
