"""Tracing of requests: the interface, and the tracing that records nothing."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from pymongo.monitoring import CommandListener
from starlette.types import Scope

from errors import StartupError


class RequestSpan:
    """The span of a request; this one records nothing."""

    trace_id: str | None = None
    """32 hexadecimal digits; None if no trace is recorded."""

    def answered(self, route: str | None, status: int) -> None:
        """Records the route that answered, if there was one, and the response's status."""


class Tracing:
    """Records nothing; `server.otel.OpenTelemetry` records spans."""

    listeners: Sequence[CommandListener] = ()
    """Listeners of the driver, which record commands to MongoDB."""

    def request(self, scope: Scope) -> AbstractContextManager[RequestSpan]:
        """Records an HTTP request for the time of the block."""
        return nullcontext(RequestSpan())

    def operation(self, name: str | None) -> None:
        """Records that the current request is a GraphQL query, and the query's name."""

    def field(self, name: str) -> AbstractContextManager[object]:
        """Records the resolver of a field for the time of the block."""
        return nullcontext()

    def close(self) -> None:
        """Sends the spans that are not sent yet."""


def tracing(enabled: bool) -> Tracing:
    """The tracing of a process; raises `StartupError` if OpenTelemetry is not installed."""
    if not enabled:
        return Tracing()
    try:
        # The packages are optional.
        from server.otel import OpenTelemetry, otlp_provider
    except ImportError as error:
        raise StartupError(
            f"HEADCOUNT_TRACING is on, but {error.name} is not installed: "
            "install headcount[otel], or set HEADCOUNT_TRACING=off."
        ) from error
    return OpenTelemetry(otlp_provider())
