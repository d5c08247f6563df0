"""The clock: the only place that asks it for the time of a request."""

from datetime import UTC, datetime


def now() -> datetime:
    """Now, in UTC, cut to milliseconds as MongoDB keeps them."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
