"""What the driver reports: the duration of commands, and the connections of its pools."""

from math import inf
from time import monotonic

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
    ConnectionCheckedInEvent,
    ConnectionCheckedOutEvent,
    ConnectionCheckOutFailedEvent,
    ConnectionCheckOutStartedEvent,
    ConnectionClosedEvent,
    ConnectionCreatedEvent,
    ConnectionPoolListener,
    ConnectionReadyEvent,
    PoolClearedEvent,
    PoolClosedEvent,
    PoolCreatedEvent,
    PoolReadyEvent,
)

from server.metrics import PrometheusMetrics


class CommandTimer(CommandListener):
    """Measures the duration of MongoDB commands."""

    def __init__(self, metrics: PrometheusMetrics) -> None:
        self._seconds = metrics.command_seconds
        self._succeeded = -inf

    def started(self, event: CommandStartedEvent) -> None:
        """Does nothing: the event at the command's end has the duration."""

    @property
    def seconds_since_success(self) -> float:
        """How long ago MongoDB last answered a command; infinite before the first answer."""
        return monotonic() - self._succeeded

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._succeeded = monotonic()
        self._seconds.labels(event.command_name, "ok").observe(event.duration_micros / 1e6)

    def failed(self, event: CommandFailedEvent) -> None:
        self._seconds.labels(event.command_name, "failed").observe(event.duration_micros / 1e6)


class PoolMeter(ConnectionPoolListener):
    """Counts the connections to MongoDB: all, and those in use."""

    def __init__(self, metrics: PrometheusMetrics) -> None:
        self._connections = metrics.mongodb_connections
        self._failures = metrics.mongodb_connection_failures

    def connection_created(self, event: ConnectionCreatedEvent) -> None:
        self._connections.labels("open").inc()

    def connection_closed(self, event: ConnectionClosedEvent) -> None:
        self._connections.labels("open").dec()

    def connection_checked_out(self, event: ConnectionCheckedOutEvent) -> None:
        self._connections.labels("in use").inc()

    def connection_checked_in(self, event: ConnectionCheckedInEvent) -> None:
        self._connections.labels("in use").dec()

    def connection_check_out_failed(self, event: ConnectionCheckOutFailedEvent) -> None:
        self._failures.labels(event.reason).inc()

    def connection_check_out_started(self, event: ConnectionCheckOutStartedEvent) -> None:
        """Does nothing: only the outcome counts."""

    def connection_ready(self, event: ConnectionReadyEvent) -> None:
        """Does nothing: the connection is counted since its creation."""

    def pool_created(self, event: PoolCreatedEvent) -> None:
        """Does nothing: connections are counted one by one."""

    def pool_ready(self, event: PoolReadyEvent) -> None:
        """Does nothing: connections are counted one by one."""

    def pool_cleared(self, event: PoolClearedEvent) -> None:
        """Does nothing: connections are counted one by one."""

    def pool_closed(self, event: PoolClosedEvent) -> None:
        """Does nothing: connections are counted one by one."""
