"""The endpoint `/graphql`: GraphQL over HTTP with a token; GraphiQL for browsers."""

import json
from collections.abc import Callable, Iterable

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.types import ExecutionResult

import schema
from errors import REASON, BadUserInput, HeadcountError, ServiceUnavailable
from schema.context import Context
from schema.execution.operation_cache import CachedDocuments
from server.http.graphql_requests import from_body, from_url
from server.http.graphql_responses import (
    GRAPHQL_RESPONSE,
    accepted,
    error_response,
    refusal,
)
from server.http.operations import UNREACHABLE, Operations, note_errors
from server.http.persisted_operations import PersistedOperations
from server.metrics import PrometheusMetrics
from server.settings import Settings

_LARGE_BODY = 64_000
"""The bytes of a body whose decoding has a turn of the event loop of its own: it takes 1 ms."""


class Endpoint(GraphQL[Context, None]):
    """The GraphQL endpoint of one server."""

    def __init__(
        self,
        settings: Settings,
        operations: Operations,
        page: Callable[[Request], Response] | None = None,
        metrics: PrometheusMetrics | None = None,
    ) -> None:
        self._turns = operations.turns
        documents, cached = settings.persisted_documents(), CachedDocuments()
        self.built = schema.build(
            settings.limits,
            self._turns,
            introspection=settings.introspection,
            compiled=settings.compiled,
            documents=cached,
            unlimited=documents.texts,
        )
        super().__init__(self.built, graphql_ide=None)
        self._persisted = PersistedOperations(documents, cached)
        self._page = page
        self._settings = settings
        self._operations = operations
        self._metrics = metrics or PrometheusMetrics()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except HeadcountError as error:
            scope[REASON] = error.reason
            self._note_errors(request, [error.code])
            response = refusal(request, error)
        except HTTPException as error:
            if error.status_code == 400:
                scope[REASON] = "malformed_request"
            self._note_errors(request, [BadUserInput.code])
            response = error_response(request, error.status_code, BadUserInput.code, error.reason)
            if error.status_code == 405:
                response.headers["allow"] = "GET, POST"
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if self.should_render_graphql_ide(self.request_adapter_class(request)):
            if self._page is None:
                raise HTTPException(404, "There is no GraphiQL here.")
            return self._page(request)
        if not self._operations.reachable:
            raise ServiceUnavailable(UNREACHABLE)
        async with self._operations.running(request) as context:
            return await self.run(request, context=context)

    def _note_errors(self, request: Request, codes: Iterable[str]) -> None:
        """Counts errors by their codes, and adds them to the request's line in the log."""
        codes = [*codes]
        for code in codes:
            self._metrics.graphql_errors.labels(code).inc()
        note_errors(request, codes)

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """Whether a browser requests the page. `*/*`, which tools send, does not count."""
        return (
            request.method == "GET"
            and not {"query", "documentId", "extensions"} & {*request.query_params}
            and "text/html" in request.headers.get("accept", "")
        )

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """The response; it has no `data` if the operation was not executed."""
        for error in result.errors or ():
            # Raised around the execution: the server is busy, or something unforeseen happened.
            if error.original_error is not None and not error.extensions:
                raise error.original_error
        extensions = [error.extensions or {} for error in result.errors or ()]
        self._note_errors(request, (str(each.get("code")) for each in extensions))
        for each in extensions:
            if "limit" in each:
                self._metrics.operations_over_limit.labels(each["limit"]).inc()
        response = await super().process_result(request, result)
        if result.data is None and not any(error.path for error in result.errors or ()):
            del response["data"]
            request.scope[REASON] = "invalid_operation"
        return response

    def create_response(
        self,
        response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse],
        sub_response: Response,
    ) -> Response:
        """Encodes the response; its media type decides the status of rejected operations."""
        negotiated = sub_response.media_type
        refused = "data" not in response_data and negotiated == GRAPHQL_RESPONSE
        return Response(
            self.encode_json(response_data),
            status_code=400 if refused else 200,
            media_type=negotiated,
        )

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Passes the negotiated media type to `create_response`."""
        return Response(media_type=accepted(request))

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """The parameters of the request; raises `HTTPException` for a wrong one."""
        if request.method == "GET":
            given = from_url(request.query_params)
        else:
            body = await request.get_body()
            if len(body) > _LARGE_BODY:
                async with self._turns.turn():
                    pass
            given = from_body(request.content_type or "", body)
        return GraphQLRequestData(
            self._persisted.text(given), given.variables, given.operation_name, given.extensions
        )

    def encode_json(self, data: object) -> bytes:
        """Encodes the body of a response."""
        try:
            return orjson.dumps(data)
        except TypeError:
            # orjson rejects lone surrogates, which an error message may quote from the request.
            return json.dumps(data).encode()
