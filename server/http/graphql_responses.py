"""Responses of GraphQL over HTTP: their media types, and those with one error."""

import json
from typing import Final

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
"""Media type of GraphQL over HTTP. Its status is 400 if the operation was not executed."""
JSON: Final = "application/json"
"""The media type of requests, and of answers to clients that do not name the other."""


def error_response(request: Request, status: int, code: str, message: str) -> Response:
    """A response with one error."""
    error = GraphQLError(message, extensions={"code": code})
    return Response(
        json.dumps({"errors": [error.formatted]}),
        status_code=status,
        media_type=media_type(request),
    )


def media_type(request: Request | WebSocket) -> str:
    """The media type that the request accepts; `application/json` unless it names the other."""
    for accepted in request.headers.get("accept", "").lower().split(","):
        name, *parameters = accepted.replace(" ", "").split(";")
        if name == GRAPHQL_RESPONSE and "q=0" not in parameters:
            return GRAPHQL_RESPONSE
    return JSON
