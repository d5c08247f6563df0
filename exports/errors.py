"""Responses to REST requests that failed: a text that names all errors, and each with its code."""

from typing import Any

from starlette.responses import JSONResponse

from errors import HeadcountError
from exports.parameters import BadParameters


def error_response(error: HeadcountError) -> JSONResponse:
    """The response to a request that failed: `{"detail": …, "errors": […]}`."""
    errors = errors_of(error)
    detail = " ".join(each["message"] for each in errors)
    return JSONResponse(
        {"detail": detail, "errors": errors}, status_code=error.status, headers=dict(error.headers)
    )


def errors_of(error: HeadcountError) -> list[dict[str, Any]]:
    """The errors with their codes: one for each bad parameter."""
    if not isinstance(error, BadParameters):
        return [{"message": str(error), "extensions": {"code": error.code}}]
    return [
        {"message": message, "extensions": {"code": error.code, "argument": name}}
        for name, message in error.messages.items()
    ]
