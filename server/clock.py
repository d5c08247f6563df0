"""The clock. No other module reads the current time."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time in UTC, truncated to milliseconds, the precision of MongoDB."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
