"""The error taxonomy: what can go wrong, its code for GraphQL, status and headers for REST."""

from collections.abc import Mapping
from typing import ClassVar


class HeadcountError(Exception):
    """An expected failure. Its text is for the caller: what is wrong, and what would be right."""

    code: ClassVar[str]
    status: ClassVar[int]
    headers: ClassVar[Mapping[str, str]] = {}


class Unauthenticated(HeadcountError):
    """There is no token, or it is not good."""

    code = "UNAUTHENTICATED"
    status = 401
    headers: ClassVar = {"www-authenticate": "Bearer"}


class Forbidden(HeadcountError):
    """The caller may not read this."""

    code = "FORBIDDEN"
    status = 403


class BadUserInput(HeadcountError):
    """An argument has a value that it may not have."""

    code = "BAD_USER_INPUT"
    status = 422


class ContentTooLarge(HeadcountError):
    """A request has more bytes than one may have."""

    code = BadUserInput.code
    status = 413


class NotFound(HeadcountError):
    """What is asked for does not exist, or not for the caller."""

    code = "NOT_FOUND"
    status = 404


class ServiceUnavailable(HeadcountError):
    """The database can't be reached, or takes too long."""

    code = "SERVICE_UNAVAILABLE"
    status = 503
    headers: ClassVar = {"retry-after": "5"}


class UpgradeRequired(HeadcountError):
    """What is asked for needs a later version of HTTP."""

    code = "UPGRADE_REQUIRED"
    status = 426
    headers: ClassVar = {"upgrade": "HTTP/1.1", "connection": "upgrade"}


class TooManyRequests(HeadcountError):
    """As much is being done already as may be at once."""

    code = "TOO_MANY_REQUESTS"
    status = 429
    headers: ClassVar = {"retry-after": "5"}


class StartupError(Exception):
    """A command can't do its work: one line that says what is wrong and what to do."""


def first_words(error: Exception) -> str:
    """What a driver's error says before it goes on with its whole view of the servers."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    for rest in (", Timeout:", ", full error:", " (configured"):
        text = text.split(rest)[0]
    return text.rstrip(".")
