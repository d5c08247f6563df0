"""A moment of the database that any number of reads, side by side, see alike."""

from typing import Any

from bson import Timestamp
from pymongo.read_concern import ReadConcern


class AsOf(ReadConcern):
    """Reads what was there at a cluster time; one of the last minutes, of a replica set."""

    def __init__(self, time: Timestamp) -> None:
        super().__init__("snapshot")
        self.time = time

    @property
    def document(self) -> dict[str, Any]:
        """With the time, which PyMongo's own has no room for."""
        return super().document | {"atClusterTime": self.time}
