"""Outages of rollups: circuit breakers, so that at most one read in 5 s waits for a failure."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog
from pymongo.errors import ConnectionFailure, ExecutionTimeout, OperationFailure

from documents.reads import COLLECTION_REPLACED
from errors import ServiceUnavailable, SnapshotUnavailable, first_words

WAIT_SECONDS: Final = 0.25
"""How long a read of a rollup may take before the documents are counted instead."""
OPEN_SECONDS: Final = 5.0
"""How long reads are not tried after a failure."""

_log = structlog.get_logger(__name__)


class Fallback(StrEnum):
    """Why documents are counted although a rollup has the cube."""

    MISSING = "missing"
    STALE = "stale"
    UNREACHABLE = "unreachable"
    SLOW = "slow"
    REFUSED = "refused"
    REPLACED = "replaced"
    SNAPSHOT = "snapshot"
    UNREADABLE = "unreadable"

    @classmethod
    def of(cls, error: BaseException) -> "Fallback":
        """The reason in an error."""
        match error:
            case SnapshotUnavailable():
                return cls.SNAPSHOT
            case TimeoutError() | ExecutionTimeout():
                return cls.SLOW
            case ServiceUnavailable(__cause__=Exception() as cause):
                return cls.of(cause)
            case ConnectionFailure():
                return cls.UNREACHABLE
            case OperationFailure(code=code):
                return cls.REPLACED if code == COLLECTION_REPLACED else cls.REFUSED
            case _:
                return cls.UNREADABLE


@dataclass(slots=True)
class _Outage:
    reason: Fallback
    began: float
    retry_at: float


class Outages:
    """The outages of one process, by the name of what can't be read.

    Logs when an outage begins and when it ends. `count` gets the reason of each read that is
    replaced.
    """

    def __init__(self, count: Callable[[Fallback], None]) -> None:
        self.count = count
        self._outages: dict[str, _Outage] = {}

    def reason(self, name: str) -> Fallback | None:
        """The reason of the current outage; None if there is none."""
        outage = self._outages.get(name)
        return None if outage is None else outage.reason

    def blocked(self, name: str) -> bool:
        """Whether a read failed within the last 5 s, so that none should be tried."""
        outage = self._outages.get(name)
        return outage is not None and _now() < outage.retry_at

    def failed(self, name: str, error: BaseException) -> None:
        """Notes that a read failed, and blocks reads for 5 s."""
        reason, now = Fallback.of(error), _now()
        outage = self._outages.get(name)
        if outage is None:
            text = first_words(error) if isinstance(error, Exception) else reason
            _log.warning("a rollup can't be read", rollup=name, reason=reason, error=text)
            outage = self._outages[name] = _Outage(reason, now, now)
        outage.reason, outage.retry_at = reason, now + OPEN_SECONDS

    def succeeded(self, name: str) -> None:
        """Notes that a read succeeded."""
        if (outage := self._outages.pop(name, None)) is not None:
            seconds = round(_now() - outage.began, 1)
            _log.info("a rollup can be read again", rollup=name, seconds=seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
