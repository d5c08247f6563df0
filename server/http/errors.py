"""Errors that are raised around the routes, as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from errors import quoted

GRAPHQL: Final = "/graphql"
"""The path of GraphQL, whose responses have no other members than the specification's."""


def error_response(
    path: str,
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    **extensions: str,
) -> Response:
    """A response with one error, as clients of the path expect it."""
    errors = [{"message": message, "extensions": {"code": code, **extensions}}]
    body: dict[str, Any] = {"errors": errors}
    if path != GRAPHQL:
        body = {"detail": message, **body}
    return JSONResponse(body, status, headers)


async def _http_error(request: Request, error: HTTPException) -> Response:
    """The response to a request for an unknown path, or with a method that the path lacks."""
    status, path = HTTPStatus(error.status_code), request.url.path
    message = f"{status.phrase}: {request.method} {quoted(path)}."
    code = status.phrase.upper().replace(" ", "_")
    return error_response(path, status, code, message, error.headers)


HTTP_ERRORS: Final[dict[Any, Callable[[Request, Any], Awaitable[Response]]]] = {
    HTTPException: _http_error
}
"""Starlette's exception handlers."""
