"""The endpoint of a stored operation: parameters, answer, caching headers and errors."""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from typing import Any, Final, TypeAlias

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from auth.viewer import Viewer
from errors import REASON, HeadcountError
from exports.errors import error_response
from exports.parameters import Parameters
from rest.answers import CachedAnswers
from rest.openapi import document
from rest.operation import StoredOperation
from rest.variables import variables
from schema.context import Context

Running: TypeAlias = Callable[[Request], AbstractAsyncContextManager[Context]]
"""The context of a request's operation, within the limits of load and of time."""

# Browsers ask again, with the ETag.
_CACHING: Final = {"cache-control": "private, no-cache", "vary": "Authorization"}


def routes(operations: Iterable[StoredOperation], running: Running) -> list[Route]:
    """The routes of stored operations, with and without a final slash."""
    answers = CachedAnswers()
    return [
        Route(path.rstrip("/") + slash, _Endpoint(operation, running, answers), methods=["GET"])
        for operation in operations
        for path in operation.paths
        for slash in ("", "/")
    ]


def openapi_route(
    operations: Iterable[StoredOperation], base_url: Callable[[Request], str]
) -> Route:
    """The route of the OpenAPI document; it needs no token."""
    made = document(operations)

    async def openapi(request: Request) -> Response:
        servers = [{"url": base_url(request).rstrip("/")}]
        return Response(orjson.dumps({**made, "servers": servers}), media_type="application/json")

    return Route("/openapi.json", openapi)


class _Endpoint:
    """The ASGI application of a stored operation."""

    def __init__(
        self, operation: StoredOperation, running: Running, answers: CachedAnswers
    ) -> None:
        self._operation = operation
        self._answers = answers
        self._running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except HeadcountError as error:
            scope[REASON] = error.reason
            response = error_response(error)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        async with self._running(request) as context:
            operation = self._operation
            operation.permit(context.viewer)
            parameters = Parameters(request.query_params.multi_items())
            found = variables(operation, parameters, request.path_params)
            parameters.check()
            return _response(request, await self._body(context, found), context.viewer)

    async def _body(self, context: Context, found: dict[str, Any]) -> bytes:
        operation, key = self._operation, (self._operation.name, *sorted(found.items()))
        async with operation.prepared.admitted(context, found):
            body = await self._answers.get(key, context)
            if body is None:
                context.limit_max = operation.limit_max
                data = await operation.prepared.execute(context, found)
                body = orjson.dumps(operation.shape.body(data))
                self._answers.add(key, context, body)
        return body


def _response(request: Request, body: bytes, viewer: Viewer) -> Response:
    """The answer, or 304 if the client has it."""
    tag = _etag(body, viewer)
    headers = {**_CACHING, "etag": tag}
    asked = request.headers.get("if-none-match", "")
    if asked == "*" or tag in (each.strip().removeprefix("W/") for each in asked.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _etag(body: bytes, viewer: Viewer) -> str:
    readers: tuple[Any, ...] = viewer.role, *viewer.permissions
    digest = sha256(body)
    digest.update(repr([each.value for each in readers]).encode())
    return f'"{digest.hexdigest()[:32]}"'
