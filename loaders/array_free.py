"""What the indexes of a collection know of its documents, as the query planner tells it."""

from collections.abc import Iterator, Mapping
from typing import Any

Filter = Mapping[str, Any]


def plain_fields(explained: Mapping[str, Any]) -> frozenset[str]:
    """The fields that hold an array in no document, by an explanation of plans that use them.

    MongoDB keeps for each index the fields for which any document ever held one.
    """
    plain: set[str] = set()
    arrays: set[str] = set()
    for scan in _scans(explained):
        if scan.get("isSparse") or scan.get("isPartial"):
            continue
        for name, paths in scan["multiKeyPaths"].items():
            (arrays if paths else plain).add(name)
    return frozenset(plain - arrays)


def _scans(explained: Any) -> Iterator[Mapping[str, Any]]:
    """All index scans, of plans that were chosen and of those that were not, on any shard."""
    if isinstance(explained, Mapping):
        if "multiKeyPaths" in explained:
            yield explained
        for value in explained.values():
            yield from _scans(value)
    elif isinstance(explained, list):
        for value in explained:
            yield from _scans(value)
