"""The endpoint `/graphql`: GraphQL over HTTP with a token; GraphiQL for browsers."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

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
from auth.tokens import Verifier, bearer
from auth.viewer import Viewer, for_log
from errors import REASON, BadUserInput, HeadcountError, ServiceUnavailable, Unauthenticated
from exports.links import SignedLinks
from loaders.loader import Loader
from loaders.replication import Replication
from loaders.rollup_reader import RollupReader
from loaders.shared_reads import SharedReads
from schema.context import Context
from schema.execution.turns import Turns
from schema.operation_size import NAME_MAX
from server.clock import now
from server.http.admission import WAIT_SECONDS, Admission
from server.http.graphql_responses import GRAPHQL_RESPONSE, error_response, media_type
from server.http.hosts import base_url
from server.http.refusals import DELAY
from server.metrics import PrometheusMetrics
from server.settings import Settings
from server.telemetry import LOG_FIELDS
from server.tracing import Tracing

GRACE_SECONDS = 1.0

_LARGE_BODY = 64_000
"""The bytes of a body whose decoding has a turn of the event loop of its own: it takes 1 ms."""


class Endpoint(GraphQL[Context, None]):
    """The GraphQL endpoint of one server."""

    def __init__(
        self,
        settings: Settings,
        verifier: Verifier,
        rollups: RollupReader | None = None,
        replication: Replication | None = None,
        page: Callable[[Request], Response] | None = None,
        metrics: PrometheusMetrics | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._turns = Turns()
        super().__init__(
            schema.build(
                settings.limits,
                self._turns,
                introspection=settings.introspection,
                compiled=settings.compiled,
            ),
            graphql_ide=None,
        )
        self._page = page
        self._settings = settings
        self._verifier = verifier
        self._shared = SharedReads(settings.shared_read_ms / 1000)
        self._rollups = rollups
        self._replication = replication
        self._link_signer = settings.link_signer()
        self._base_url = base_url(settings.public_url)
        self._metrics = metrics or PrometheusMetrics()
        self._tracing = tracing or Tracing()
        self._admission = Admission(settings.slots, self._metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except HeadcountError as error:
            scope[REASON] = error.reason
            self._note_errors(request, [error.code])
            response = error_response(request, error.status, error.code, str(error))
            response.headers.update(error.headers)
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
            if self._page is None or not self._settings.introspection:
                raise HTTPException(404, "GraphiQL is off: HEADCOUNT_INTROSPECTION is off.")
            return self._page(request)
        viewer, time = await self._viewer(request), now()
        caller = viewer.caller(request.client.host if request.client else "")
        note = request.scope.setdefault(LOG_FIELDS, {})
        note |= {"caller": for_log(caller), "role": viewer.role.name}
        self._refuse_early(request, caller)
        context = Context(
            viewer=viewer,
            now=time,
            loader=Loader(
                {"now": time, "low_stock_threshold": self._settings.low_stock_threshold},
                timeout=self._settings.request_timeout,
                shared=self._shared,
                replication=self._replication,
                rollups=self._rollups,
                catalog=self._settings.catalog,
            ),
            links=self._links(request),
            trace=self._tracing.field,
        )
        context.admit = partial(self._admission.admitted, caller)
        try:
            # Database reads time out earlier; this limits clients that send slowly.
            async with asyncio.timeout(self._settings.request_timeout + GRACE_SECONDS):
                # Starlette caches the body for strawberry.
                await request.body()
                # A body can take 30 s: requests count from its end.
                self._refuse_early(request, caller)
                with self._admission.present(caller):
                    return await self.run(request, context=context)
        except TimeoutError as error:
            raise ServiceUnavailable(
                f"The request took more than {self._settings.request_timeout:g} s."
            ) from error
        finally:
            context.loader.close()
            note |= {"aggregations": context.loader.count}
            self._metrics.aggregations.inc(context.loader.count)
            if (summary := context.summary) is not None:
                self._tracing.operation(summary.name)
                # `operation` is the operation's name; None if it has none.
                note |= {
                    "operation": summary.name,
                    "hash": summary.hash,
                    "fields": summary.fields,
                    "cost": summary.cost,
                }

    def _refuse_early(self, request: Request, caller: str) -> None:
        """Raises why an operation of this caller would not get slots in time."""
        if (refusal := self._admission.refusal(caller)) is not None:
            request.scope[DELAY] = WAIT_SECONDS
            raise refusal

    def _note_errors(self, request: Request, codes: Iterable[str]) -> None:
        """Counts errors by their codes, and adds them to the request's line in the log."""
        counted = Counter(codes)
        for code, number in counted.items():
            self._metrics.graphql_errors.labels(code).inc(number)
        if counted:
            request.scope.setdefault(LOG_FIELDS, {})["errors"] = dict(counted)

    def _links(self, request: Request) -> SignedLinks | None:
        if self._link_signer is None:
            return None
        return SignedLinks(self._link_signer, self._settings.zone, lambda: self._base_url(request))

    async def _viewer(self, request: Request) -> Viewer:
        token = bearer(request.headers.get("authorization", ""))
        if not token:
            raise Unauthenticated("The request has no token: send 'Authorization: Bearer <token>'.")
        return await self._verifier.viewer(token)

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """Whether a browser requests the page. `*/*`, which tools send, does not count."""
        return (
            request.method == "GET"
            and request.query_params.get("query") is None
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
        return Response(media_type=media_type(request))

    async def parse_http_body(
        self, request: AsyncHTTPRequestAdapter
    ) -> GraphQLRequestData | list[GraphQLRequestData]:
        """The parameters of the request; raises `HTTPException` for one of the wrong type."""
        if len(await request.get_body()) > _LARGE_BODY:
            async with self._turns.turn():
                pass
        data = await super().parse_http_body(request)
        name = getattr(data, "operation_name", None)
        if not isinstance(name, str | None):
            raise HTTPException(400, "'operationName' must be a string or null.")
        if name is not None and len(name) > NAME_MAX:
            message = f"has {len(name):,} characters; at most {NAME_MAX} are allowed."
            raise HTTPException(400, f"'operationName' {message}")
        return data

    def encode_json(self, data: object) -> bytes:
        """Encodes the body of a response."""
        try:
            return orjson.dumps(data)
        except TypeError:
            # orjson rejects lone surrogates, which an error message may quote from the request.
            return json.dumps(data).encode()

    def decode_json(self, data: str | bytes) -> object:
        """Decodes a JSON object in a body or a parameter; null becomes an empty object."""
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise HTTPException(400, f"The request is not valid JSON: {error}.") from error
        if not isinstance(value, dict | None):
            raise HTTPException(400, "The request must be a JSON object.")
        return value or {}
