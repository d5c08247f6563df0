"""The tokens that were verified lately: their signatures are not checked again."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from cachetools import LRUCache

from auth.viewer import Viewer

_TOKENS_MAX: Final = 10_000


class VerifiedToken(NamedTuple):
    """A token's viewer, the header that chose its key, and the key."""

    viewer: Viewer
    header: Any
    key: object


class VerifiedTokens:
    """Verified tokens by their SHA-256, 10,000 at most, until they expire by a clock.

    A token is as valid as when it was verified as long as its key is in use, and unless it is
    revoked: the caller checks both.
    """

    def __init__(self, clock: Callable[[], datetime], leeway: timedelta) -> None:
        self._clock = clock
        self._leeway = leeway
        self._tokens: LRUCache[bytes, VerifiedToken] = LRUCache(_TOKENS_MAX)

    def get(self, token: str) -> VerifiedToken | None:
        """A verified token that has not expired."""
        found = self._tokens.get(_hash(token))
        expires_at = found and found.viewer.expires_at
        if not expires_at or expires_at + self._leeway <= self._clock():
            return None
        return found

    def add(self, token: str, verified: VerifiedToken) -> None:
        """Adds a token that was verified just now."""
        self._tokens[_hash(token)] = verified


def uses(keys: Sequence[object], verified: VerifiedToken) -> bool:
    """Whether a verified token's key is among the keys in use."""
    return any(key is verified.key for key in keys)


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="surrogateescape")).digest()
