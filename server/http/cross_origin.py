"""Cross-origin requests: what pages of other origins may send, and read of an answer."""

from typing import Final

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from exports.downloads import SNAPSHOT_HEADER
from server.settings import Settings

_TRACING: Final = (
    # W3C Trace Context and Baggage, which OpenTelemetry sends.
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
    "x-datadog-origin",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
    "x-datadog-tags",
    "x-datadog-trace-id",
)
_APOLLO: Final = (
    "apollo-require-preflight",
    "apollographql-client-name",
    "apollographql-client-version",
    "x-apollo-operation-id",
    "x-apollo-operation-name",
)
_REQUEST_HEADERS: Final = (
    "authorization",
    "cache-control",
    "content-type",
    "if-none-match",
    "x-request-id",
    *_TRACING,
    *_APOLLO,
)
_RESPONSE_HEADERS: Final = (
    "content-disposition",
    "etag",
    SNAPSHOT_HEADER,
    "retry-after",
    "x-request-id",
    "www-authenticate",
)


def cross_origin(settings: Settings) -> Middleware:
    """The middleware that answers preflights, and lets pages of allowed origins read answers."""
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=[*_REQUEST_HEADERS, *settings.cors_headers],
        expose_headers=_RESPONSE_HEADERS,
    )
