"""The Prometheus metrics of a process, and of several together."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from pymongo.monitoring import ConnectionCheckOutFailedReason as CheckOutFailed

from errors import INTERNAL_ERROR, Overloaded, ServiceUnavailable
from loaders.outages import Fallback

# Names the folder in which prometheus-client shares metrics between processes.
_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_LAG_SECONDS = 0.1
_LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class PrometheusMetrics:
    """The metrics of `/metrics`, except those of rollups."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "headcount_http_requests",
            "HTTP requests answered.",
            ["route", "status"],
            registry=self.registry,
        )
        self.http_errors = Counter(
            "headcount_http_errors",
            "HTTP responses with an error status, by status and reason.",
            ["status", "reason"],
            registry=self.registry,
        )
        self.incomplete_responses = Counter(
            "headcount_http_responses_broken_off",
            "HTTP responses that ended before they were complete.",
            ["route"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "headcount_http_request_seconds",
            "Seconds from the arrival of a request to the end of its response.",
            ["route"],
            registry=self.registry,
        )
        self.command_seconds = Histogram(
            "headcount_mongodb_command_seconds",
            "Duration of MongoDB commands in seconds.",
            ["command", "outcome"],
            registry=self.registry,
        )
        self.key_set_fetches = Counter(
            "headcount_key_set_fetches",
            "Reads of the key set, by outcome: ok or failed.",
            ["outcome"],
            registry=self.registry,
        )
        self.key_set_fetched = Gauge(
            "headcount_key_set_timestamp_seconds",
            "When the key set in use was read, in seconds since 1970; 0 before the first read.",
            registry=self.registry,
            multiprocess_mode="max",
        )
        self.denylist_reads = Counter(
            "headcount_denylist_reads",
            "Reads of the denylist, by outcome: ok or failed.",
            ["outcome"],
            registry=self.registry,
        )
        self.denylist_entries = Gauge(
            "headcount_denylist_entries",
            "Token ids and subjects in the denylist in use.",
            registry=self.registry,
            multiprocess_mode="mostrecent",
        )
        self.event_loop_lag = Histogram(
            "headcount_event_loop_lag_seconds",
            "How much later than planned the event loop ran a timer, ten times a second.",
            registry=self.registry,
            buckets=_LAGS,
        )
        self.connections_closed = Counter(
            "headcount_connections_closed",
            "Connections that the server closed, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.graphql_errors = Counter(
            "headcount_graphql_errors",
            "Errors in answers to GraphQL operations.",
            ["code"],
            registry=self.registry,
        )
        self.mongodb_connections = Gauge(
            "headcount_mongodb_connections",
            "Connections to MongoDB, by state: open, and of these those in use.",
            ["state"],
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.mongodb_connection_failures = Counter(
            "headcount_mongodb_connection_failures",
            "Commands that got no connection to MongoDB, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.aggregations = Counter(
            "headcount_aggregations",
            "Aggregations that GraphQL operations waited for.",
            registry=self.registry,
        )
        self.operations_over_limit = Counter(
            "headcount_operations_over_limit",
            "GraphQL operations beyond a limit, by the limit.",
            ["limit"],
            registry=self.registry,
        )
        self.operations_running = Gauge(
            "headcount_operations_running",
            "GraphQL operations that are parsed, validated or executed.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.operations_waiting = Gauge(
            "headcount_operations_waiting",
            "GraphQL operations that wait until others have ended.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.operations_refused = Counter(
            "headcount_operations_refused",
            "GraphQL operations that were refused, as too many were running.",
            ["reason"],
            registry=self.registry,
        )

        # An alert sees the first error only if the metric existed before it.
        for code in (INTERNAL_ERROR, ServiceUnavailable.code):
            self.graphql_errors.labels(code)
        for error in (
            (500, INTERNAL_ERROR.lower()),
            (503, "too_many_connections"),
            (503, Overloaded("").reason),
        ):
            self.http_errors.labels(*error)
        for cause in ("queue", "wait", "caller"):
            self.operations_refused.labels(cause)
        for reason in (CheckOutFailed.TIMEOUT, CheckOutFailed.CONN_ERROR):
            self.mongodb_connection_failures.labels(reason)
        for reads in (self.key_set_fetches, self.denylist_reads):
            reads.labels("failed")

    def key_set_read(self, succeeded: bool) -> None:
        """Records a read of the key set."""
        self.key_set_fetches.labels("ok" if succeeded else "failed").inc()
        if succeeded:
            self.key_set_fetched.set_to_current_time()

    def denylist_read(self, entries: int | None) -> None:
        """Records a read of the denylist: its number of entries, or None if the read failed."""
        self.denylist_reads.labels("failed" if entries is None else "ok").inc()
        if entries is not None:
            self.denylist_entries.set(entries)

    async def measure_event_loop(self) -> None:
        """Measures the lag of the running event loop, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            planned = loop.time() + _LAG_SECONDS
            await asyncio.sleep(_LAG_SECONDS)
            self.event_loop_lag.observe(max(0, loop.time() - planned))

    def count_fallbacks(self) -> Callable[[str], None]:
        """Adds a metric of live counts in place of rollups; returns what counts one, by reason."""
        fallbacks = Counter(
            "headcount_rollup_fallbacks",
            "Reads of rollups that were replaced by live counts.",
            ["reason"],
            registry=self.registry,
        )
        for each in Fallback:
            fallbacks.labels(each)
        return lambda reason: fallbacks.labels(reason).inc()

    def text(self) -> bytes:
        """The metrics of all processes, in the text format of Prometheus."""
        registry = self.registry
        if _SHARED_FOLDER in os.environ:
            registry = CollectorRegistry()
            collect: Any = MultiProcessCollector
            collect(registry)
        return generate_latest(registry)


@contextmanager
def multiprocess_metrics() -> Iterator[None]:
    """Sums up the metrics of the processes that start inside the block."""
    with TemporaryDirectory() as folder:
        os.environ[_SHARED_FOLDER] = folder
        yield
        del os.environ[_SHARED_FOLDER]


def forget_process(pid: int | None) -> None:
    """Takes an ended process out of the gauges that sum up the processes of the block."""
    forget: Any = mark_process_dead
    forget(pid)
