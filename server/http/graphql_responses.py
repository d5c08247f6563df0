"""Responses of GraphQL over HTTP: their media types, and those with one error."""

import json
from typing import Final

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from errors import HeadcountError, InvalidOperation, PersistedQueryNotFound

GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
"""Media type of GraphQL over HTTP. Its status is 400 if the operation was not executed."""
JSON: Final = "application/json"
"""The media type of requests, and of answers to clients that do not name the other."""


def error_response(
    request: Request, status: int, code: str, message: str, media_type: str | None = None
) -> Response:
    """A response with one error, in the media type that the request accepts if none is given."""
    error = GraphQLError(message, extensions={"code": code})
    return Response(
        json.dumps({"errors": [error.formatted]}),
        status_code=status,
        media_type=media_type or accepted(request),
    )


def refusal(request: Request, error: HeadcountError) -> Response:
    """The response to a request that is not executed, with one error."""
    status, media_type = error.status, accepted(request)
    if isinstance(error, InvalidOperation) and media_type == JSON:
        # As for an operation that does not fit the schema.
        status = 200
    if isinstance(error, PersistedQueryNotFound):
        # Clients of Apollo's protocol understand it.
        media_type = JSON
    response = error_response(request, status, error.code, str(error), media_type)
    response.headers.update(error.headers)
    return response


def accepted(request: Request | WebSocket) -> str:
    """The media type that the request accepts; `application/json` unless it names the other."""
    for each in request.headers.get("accept", "").lower().split(","):
        name, *parameters = each.replace(" ", "").split(";")
        if name == GRAPHQL_RESPONSE and "q=0" not in parameters:
            return GRAPHQL_RESPONSE
    return JSON
