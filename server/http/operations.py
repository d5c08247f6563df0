"""Requests for operations: their caller, context, slots and time limit, and their log fields."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from starlette.requests import Request

from auth.tokens import Verifier, bearer
from auth.viewer import Viewer, for_log
from errors import ServiceUnavailable, Unauthenticated
from exports.links import SignedLinks
from loaders.loader import Loader
from loaders.replication import Replication
from loaders.rollup_reader import RollupReader
from loaders.shared_reads import SharedReads
from schema.context import Context
from schema.execution.turns import Turns
from server.clock import now
from server.http.admission import WAIT_SECONDS, Admission
from server.http.hosts import base_url
from server.http.refusals import DELAY
from server.metrics import PrometheusMetrics
from server.settings import Settings
from server.telemetry import LOG_FIELDS
from server.tracing import Tracing

GRACE_SECONDS = 1.0
UNREACHABLE = "The database can't be reached."


class Operations:
    """The operations of one server, of texts and stored ones alike.

    `turns` are the turns of the event loop that their long steps take.
    """

    def __init__(
        self,
        settings: Settings,
        verifier: Verifier,
        rollups: RollupReader | None = None,
        replication: Replication | None = None,
        metrics: PrometheusMetrics | None = None,
        tracing: Tracing | None = None,
        *,
        reachable: bool = True,
    ) -> None:
        """Without a `reachable` database, operations are refused once nothing else is wrong."""
        self._settings = settings
        self._verifier = verifier
        self._rollups = rollups
        self._replication = replication
        self._metrics = metrics or PrometheusMetrics()
        self._tracing = tracing or Tracing()
        self._shared = SharedReads(settings.shared_read_ms / 1000)
        self._link_signer = settings.link_signer()
        self._base_url = base_url(settings.public_url)
        self.reachable = reachable
        self.turns = Turns()
        self._admission = Admission(settings.slots, self._metrics)

    @asynccontextmanager
    async def running(self, request: Request) -> AsyncIterator[Context]:
        """The context of a request's operation, within the limits of load and of time.

        Verifies the token first, and reads the body. Adds the operation to the request's line in
        the log. Raises `Unauthenticated`, `ServiceUnavailable` and `TooManyRequests`.
        """
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
        context.admit = (
            partial(self._admission.admitted, caller) if self.reachable else _unreachable
        )
        try:
            # Database reads time out earlier; this limits clients that send slowly.
            async with asyncio.timeout(self._settings.request_timeout + GRACE_SECONDS):
                # Starlette caches the body.
                await request.body()
                # A body can take 30 s: requests count from its end.
                self._refuse_early(request, caller)
                with self._admission.present(caller):
                    yield context
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

    def _links(self, request: Request) -> SignedLinks | None:
        if self._link_signer is None:
            return None
        return SignedLinks(self._link_signer, self._settings.zone, lambda: self._base_url(request))

    async def _viewer(self, request: Request) -> Viewer:
        token = bearer(request.headers.get("authorization", ""))
        if not token:
            raise Unauthenticated("The request has no token: send 'Authorization: Bearer <token>'.")
        return await self._verifier.viewer(token)


@asynccontextmanager
async def _unreachable(cost: int) -> AsyncIterator[None]:
    raise ServiceUnavailable(UNREACHABLE)
    yield


def note_errors(request: Request, codes: Iterable[str]) -> None:
    """Adds the codes of errors, with their numbers, to the request's line in the log."""
    if counted := Counter(codes):
        request.scope.setdefault(LOG_FIELDS, {})["errors"] = dict(counted)
