"""Read options: comparison of texts by code point, and reads at a cluster time."""

from typing import Any, Final

from bson import Timestamp
from pymongo.collation import Collation
from pymongo.read_concern import ReadConcern

BY_CODE_POINT: Final = Collation(locale="simple")
"""Compares texts by code point, regardless of the default collation of the collection."""


NOT_A_REPLICA_SET: Final = 123
"""MongoDB's error code of reads at a cluster time from a MongoDB that stands alone."""
AUTHENTICATION_FAILED: Final = 18
"""MongoDB's error code of credentials that it does not accept."""
QUERY_PLAN_KILLED: Final = 175
"""The collection was dropped or replaced while it was read."""
ENDED_READ: Final = frozenset({QUERY_PLAN_KILLED, 43, 46, 136, 237, 11601})
"""MongoDB's error codes of reads that it ended: by `killOp` or `killAllSessions`, for instance."""
SNAPSHOT_TOO_OLD: Final = 239
"""MongoDB's error code of a cluster time whose history is gone."""
SNAPSHOT_UNAVAILABLE: Final = 246
"""MongoDB's error code of a cluster time that can't be read, as a collection is newer."""


COLLECTION_REPLACED: Final = 361
"""MongoDB's error code of a collection that does not have the UUID that a read names."""


class AsOf(ReadConcern):
    """The read concern `snapshot` at a recent cluster time; requires a replica set."""

    def __init__(self, time: Timestamp) -> None:
        super().__init__("snapshot")
        self.time = time

    @property
    def document(self) -> dict[str, Any]:
        """The read concern with `atClusterTime`, which PyMongo's class does not support."""
        return super().document | {"atClusterTime": self.time}
