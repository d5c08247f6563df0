"""Gaps: reasons why the cells of a rollup can't be followed on from."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pymongo.errors import OperationFailure

from documents.reads import COLLECTION_REPLACED
from rollups.keeper.deltas import TOO_LARGE

HISTORY_LOST: Final = 286
"""MongoDB's error code of a change stream that begins before the oplog."""

_NO_MATCHING_DOCUMENT: Final = 47
_CHANGE_STREAM_FATAL: Final = 280
# The oplog's history is gone, a pre-image is missing, an event is above 16 MB, or a collection was
# dropped.
_GAPS: Final = frozenset(
    {_CHANGE_STREAM_FATAL, HISTORY_LOST, _NO_MATCHING_DOCUMENT, TOO_LARGE, COLLECTION_REPLACED}
)


class Gap(Exception):
    """The changes can't be followed without a gap: the rollup must be rebuilt."""


@contextmanager
def gaps() -> Iterator[None]:
    """Raises `Gap` for MongoDB's errors that mean one."""
    try:
        yield
    except OperationFailure as error:
        if error.code in _GAPS:
            raise Gap(error.details and error.details.get("errmsg")) from error
        raise
