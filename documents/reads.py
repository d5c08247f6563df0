"""How collections are read: text by code point, and all as of one moment where that matters."""

from typing import Any, Final

from bson import Timestamp
from pymongo.collation import Collation
from pymongo.read_concern import ReadConcern

BY_CODE_POINT: Final = Collation(locale="simple")
"""Text is compared by code point, whatever collation a collection was created with."""


class AsOf(ReadConcern):
    """Reads what was there at a cluster time; one of the last minutes, of a replica set."""

    def __init__(self, time: Timestamp) -> None:
        super().__init__("snapshot")
        self.time = time

    @property
    def document(self) -> dict[str, Any]:
        """With the time, which PyMongo's own has no room for."""
        return super().document | {"atClusterTime": self.time}
