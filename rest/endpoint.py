"""The endpoint of a stored operation: parameters, answer, caching headers and errors."""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from hashlib import sha256
from typing import Any, Final, TypeAlias

import orjson
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from auth.viewer import Viewer
from errors import REASON, HeadcountError
from exports.errors import error_response
from exports.parameters import Parameters
from loaders.computing import computed
from rest.answers import CachedAnswers
from rest.openapi import document
from rest.operation import StoredOperation
from rest.variables import variables
from schema.context import Context

Running: TypeAlias = Callable[[Request], AbstractAsyncContextManager[Context]]
"""The context of a request's operation, within the limits of load and of time."""

Compresses: TypeAlias = Callable[[Headers, int], bool]
"""Whether the answer to a request with these headers, of so many bytes, is compressed."""

# To encode a row, and to hash 200 bytes, takes as long as these do in computations with cells.
_CELLS_OF_ROW: Final = 5
_BYTES_OF_CELL: Final = 200

# Browsers ask again, with the ETag. What compresses an answer adds Accept-Encoding to Vary.
_CACHING: Final = {"cache-control": "private, no-cache", "vary": "Authorization"}
_CACHED: Final = _CACHING | {"vary": "Authorization, Accept-Encoding"}


def routes(
    operations: Iterable[StoredOperation], running: Running, compresses: Compresses
) -> list[Route]:
    """The routes of stored operations, with and without a final slash."""
    answers = CachedAnswers()
    return [
        Route(
            path.rstrip("/") + slash,
            _Endpoint(operation, running, answers, compresses),
            methods=["GET"],
        )
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
        self,
        operation: StoredOperation,
        running: Running,
        answers: CachedAnswers,
        compresses: Compresses,
    ) -> None:
        self._operation = operation
        self._compresses = compresses
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
            body = await self._body(context, found)
            gzip = self._compresses(request.headers, len(body))
            tag = await computed(
                len(body) // _BYTES_OF_CELL, partial(_etag, body, context.viewer, gzip=gzip)
            )
            return _response(request, body, tag)

    async def _body(self, context: Context, found: dict[str, Any]) -> bytes:
        operation, key = self._operation, (self._operation.name, *sorted(found.items()))
        async with operation.prepared.admitted(context, found):
            body = await self._answers.get(key, context)
            if body is None:
                context.limit_max = operation.limit_max
                data = await operation.prepared.execute(context, found)
                body = await computed(
                    _CELLS_OF_ROW * found.get("limit", 0),
                    lambda: orjson.dumps(operation.shape.body(data)),
                )
                self._answers.add(key, context, body)
        return body


def _response(request: Request, body: bytes, tag: str) -> Response:
    """The answer, or 304 if the client has it."""
    asked = request.headers.get("if-none-match", "")
    if asked == "*" or tag in (each.strip().removeprefix("W/") for each in asked.split(",")):
        return Response(status_code=304, headers={**_CACHED, "etag": tag})
    return Response(body, media_type="application/json", headers={**_CACHING, "etag": tag})


def _etag(body: bytes, viewer: Viewer, *, gzip: bool) -> str:
    """The hash of an answer, of who may read it, and of its encoding."""
    digest = sha256(body)
    rights = [viewer.role.value, *(each.value for each in viewer.permissions)]
    digest.update(repr((rights, gzip)).encode())
    return f'"{digest.hexdigest()[:32]}"'
