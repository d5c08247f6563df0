"""Revocation: the denylist of tokens, by `jti`, by subject, or by subject and time of issue."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from errors import Unauthenticated

_WANTED: Final = "must be a JSON object with 'jti' or 'sub', as {\"jti\": \"4f1a\"}"


@dataclass(frozen=True, slots=True)
class TokenIdentity:
    """The claims of a token that a revocation can name: `jti`, `sub`, and `iat` in seconds."""

    id: str | None = None
    subject: str | None = None
    issued_at: float | None = None

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Self:
        """The identity in the claims of a verified token."""
        issued_at = claims.get("iat")
        return cls(
            _text(claims.get("jti")),
            _text(claims.get("sub")),
            issued_at if isinstance(issued_at, int | float) else None,
        )


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry: the token `token_id`, or the tokens of `subject` that were issued before a time.

    `issued_before` is in seconds since 1970; infinite, if all tokens of the subject are revoked.
    """

    token_id: str | None
    subject: str | None
    issued_before: float = math.inf

    @classmethod
    def of(cls, entry: object) -> Self:
        """The revocation in an entry of a denylist; raises `ValueError` for a malformed one.

        Fields besides `jti`, `sub` and `issuedBefore` are ignored.
        """
        if not isinstance(entry, dict):
            raise ValueError(_WANTED)
        given = {name: value for name, value in entry.items() if value is not None}
        if ("jti" in given) == ("sub" in given):
            raise ValueError(f"{_WANTED}; one of the two")
        if "sub" not in given and "issuedBefore" in given:
            raise ValueError("'issuedBefore' must be given with 'sub', not with 'jti'")
        for name in ("jti", "sub"):
            if name in given and _text(given[name]) is None:
                raise ValueError(f"{name!r} must be a string that is not empty, or an integer")
        before = _seconds(given["issuedBefore"]) if "issuedBefore" in given else math.inf
        return cls(_text(given.get("jti")), _text(given.get("sub")), before)


class Denylist:
    """The revoked tokens. The list is replaced as a whole."""

    def __init__(self) -> None:
        self._revoked: tuple[frozenset[str], Mapping[str, float]] = (frozenset(), {})

    @property
    def size(self) -> int:
        """The number of revoked `jti`s and subjects."""
        ids, subjects = self._revoked
        return len(ids) + len(subjects)

    def replace(self, revocations: Iterable[Revocation]) -> None:
        """Revokes the named tokens, and no others."""
        ids = set[str]()
        subjects = dict[str, float]()
        for each in revocations:
            if each.token_id is not None:
                ids.add(each.token_id)
            if each.subject is not None:
                before = max(each.issued_before, subjects.get(each.subject, -math.inf))
                subjects[each.subject] = before
        self._revoked = (frozenset(ids), subjects)

    def check(self, token: TokenIdentity) -> None:
        """Raises `Unauthenticated` if the token is revoked.

        A token without `iat` counts as issued before any time.
        """
        ids, subjects = self._revoked
        before = subjects.get(token.subject or "")
        issued_at = -math.inf if token.issued_at is None else token.issued_at
        if token.id in ids or (before is not None and issued_at < before):
            raise Unauthenticated("The token was revoked: get a new one.")


def revocations_of_lines(content: bytes) -> Iterator[Revocation]:
    """The revocations of a file with one JSON object a line; blank lines are skipped.

    Raises `ValueError`, which names the malformed line.
    """
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            yield _numbered(f"line {number}", line)


def revocations_of_documents(documents: Iterable[Mapping[str, Any]]) -> Iterator[Revocation]:
    """The revocations of a collection; raises `ValueError`, which names the `_id`."""
    for document in documents:
        yield _numbered(f"document {document.get('_id')!r}", document)


def _numbered(name: str, entry: bytes | Mapping[str, Any]) -> Revocation:
    try:
        return Revocation.of(json.loads(entry) if isinstance(entry, bytes) else entry)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name}: is no JSON ({error.msg}); {_WANTED}") from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"{name}: {error}") from error


def _text(value: object) -> str | None:
    """A `jti` or `sub`: issuers store numbers too, and some databases store them as doubles."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _seconds(time: object) -> float:
    """A time in seconds since 1970, from a number, an ISO 8601 date-time or a date of MongoDB."""
    if isinstance(time, str):
        with suppress(ValueError):
            parsed = datetime.fromisoformat(time)
            time = parsed if parsed.tzinfo else None
    if isinstance(time, datetime):
        # Dates of MongoDB without a time zone are in UTC.
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    if isinstance(time, int | float) and not isinstance(time, bool) and math.isfinite(time):
        return time
    raise ValueError(
        "'issuedBefore' must be seconds since 1970, or a date-time with an offset, "
        "as 2026-01-31T12:00:00Z"
    )
