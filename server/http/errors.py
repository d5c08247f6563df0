"""Responses to requests that no route answers."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from errors import quoted


async def _http_error(request: Request, error: HTTPException) -> Response:
    """The response to a request for an unknown path, or with a method that the path lacks."""
    status = HTTPStatus(error.status_code)
    message = f"{status.phrase}: {request.method} {quoted(request.url.path)}."
    code = status.phrase.upper().replace(" ", "_")
    errors = [{"message": message, "extensions": {"code": code}}]
    return JSONResponse({"detail": message, "errors": errors}, status, headers=error.headers)


HTTP_ERRORS: Final[dict[Any, Callable[[Request, Any], Awaitable[Response]]]] = {
    HTTPException: _http_error
}
"""Starlette's exception handlers."""
