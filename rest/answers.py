"""Cached answers: bytes that stay the same until a collection changes that they were read from."""

from collections.abc import Collection, Hashable
from typing import Final, NamedTuple

from cachetools import LRUCache

from auth.viewer import Viewer
from loaders.version import Version
from schema.context import Context

_BYTES_MAX: Final = 4_000_000
_ANSWERS_MAX: Final = 1_000


class CachedAnswer(NamedTuple):
    """The body of an answer, and the versions that it was made of."""

    body: bytes
    versions: Collection[Version]


class CachedAnswers:
    """The answers of one process, bounded by count and by bytes.

    An answer is cached if rollups follow all collections that it was read from, and if it does not
    depend on the request's time.
    """

    def __init__(self) -> None:
        # No answer weighs less than its share: so the weight bounds the count, too.
        share = _BYTES_MAX // _ANSWERS_MAX
        self._answers: LRUCache[Hashable, CachedAnswer] = LRUCache(
            _BYTES_MAX, lambda cached: max(len(cached.body), share)
        )

    async def get(self, key: Hashable, context: Context) -> bytes | None:
        """The body of an answer that is still the one of now; None if there is none.

        Then the context's request can make one, for `add`.
        """
        cached = self._answers.get((_reader(context.viewer), key))
        if cached is not None and await context.loader.unchanged(cached.versions):
            return cached.body
        context.loader.track_versions()
        return None

    def add(self, key: Hashable, context: Context, body: bytes) -> None:
        """Caches the body of an answer that the context's request has made, if it can be."""
        versions = context.loader.versions
        if versions and len(body) <= _BYTES_MAX:
            self._answers[_reader(context.viewer), key] = CachedAnswer(body, versions)


def _reader(viewer: Viewer) -> Hashable:
    """Readers who see the same."""
    return viewer.role, viewer.permissions, viewer.organizer_id
