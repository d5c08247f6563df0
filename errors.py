"""The error taxonomy: each error has a GraphQL code, an HTTP status and HTTP headers."""

import re
from collections.abc import Mapping
from reprlib import repr as shortened
from typing import ClassVar, Final

REASON: Final = "headcount.reason"
"""Where in an HTTP request's scope the application puts the reason of an error response."""
INTERNAL_ERROR: Final = "INTERNAL_SERVER_ERROR"
"""The code of an error that is none of these: masked, and logged with the request's id."""
ERRORS_MAX: Final = 20
"""The errors of a refused request; one more says how many others there are."""
QUOTED_MAX: Final = 100
"""The characters that an error quotes of a value."""
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# MongoDB quotes the command that it refuses, with its session and its signature.
_COMMAND = re.compile(r"(?<= to execute command )\{ (\w+): .*")


class HeadcountError(Exception):
    """An expected failure. Its text tells the caller what is wrong and what would be right."""

    code: ClassVar[str]
    status: ClassVar[int]
    headers: ClassVar[Mapping[str, str]] = {}

    @property
    def reason(self) -> str:
        """The reason in logs and metrics: the name of the class, as `bad_host`."""
        return _CAPITAL.sub("_", type(self).__name__).lower()


class Unauthenticated(HeadcountError):
    """The token is missing or invalid."""

    code = "UNAUTHENTICATED"
    status = 401
    headers: ClassVar = {"www-authenticate": "Bearer"}


class Forbidden(HeadcountError):
    """The caller lacks the role or the permission."""

    code = "FORBIDDEN"
    status = 403


class BadUserInput(HeadcountError):
    """An argument has an invalid value."""

    code = "BAD_USER_INPUT"
    status = 422


class BadHost(HeadcountError):
    """The `Host` header is missing, invalid or repeated."""

    code = BadUserInput.code
    status = 400


class MisdirectedRequest(HeadcountError):
    """The request is for a host that this server does not serve."""

    code = "MISDIRECTED_REQUEST"
    status = 421


class InvalidOperation(BadUserInput):
    """The operation is not executed, whatever its variables."""

    status = 400


class PersistedQueryNotFound(HeadcountError):
    """No text has the hash. By Apollo's protocol, the client sends it again with its text."""

    code = "PERSISTED_QUERY_NOT_FOUND"
    status = 200

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class LimitExceeded(BadUserInput):
    """An operation is beyond a limit."""

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit = limit
        """The name of the limit: `depth`, for instance."""


class ContentTooLarge(HeadcountError):
    """The request's body exceeds the size limit."""

    code = BadUserInput.code
    status = 413


class NotFound(HeadcountError):
    """The resource does not exist, or the caller may not see it."""

    code = "NOT_FOUND"
    status = 404


class ServiceUnavailable(HeadcountError):
    """The database can't be reached or does not answer in time."""

    code = "SERVICE_UNAVAILABLE"
    status = 503
    headers: ClassVar = {"retry-after": "5"}


class Overloaded(ServiceUnavailable):
    """The server runs and queues as many operations as it can."""

    headers: ClassVar = {"retry-after": "1"}


class SnapshotUnavailable(ServiceUnavailable):
    """MongoDB can't read at a cluster time: its history is gone, or the collection is newer."""


class UpgradeRequired(HeadcountError):
    """The resource needs a later version of HTTP."""

    code = "UPGRADE_REQUIRED"
    status = 426
    headers: ClassVar = {"upgrade": "HTTP/1.1", "connection": "upgrade"}


class TooManyRequests(HeadcountError):
    """Too many requests are running; the caller may retry after `retry-after` seconds."""

    code = "TOO_MANY_REQUESTS"
    status = 429
    headers: ClassVar = {"retry-after": "5"}


class StartupError(Exception):
    """A command can't run. Its text is one line: what is wrong and what to do."""


def quoted(value: object) -> str:
    """A caller's value as an error shows it, with its first 100 characters."""
    if isinstance(value, str):
        return repr(value if len(value) <= QUOTED_MAX else f"{value[:QUOTED_MAX]}…")
    return shortened(value)[:QUOTED_MAX]


def first_words(error: Exception) -> str:
    """The reason in a driver's error, without the description of all servers that follows it."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    for rest in (", Timeout:", ", full error:", " (configured"):
        text = text.split(rest)[0]
    return _COMMAND.sub(r"\1", text).rstrip(".")
