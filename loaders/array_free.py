"""Array-free fields: what the indexes of a collection know, as the query planner tells it."""

from collections.abc import Iterator, Mapping
from typing import Any


def array_free_fields(explained: Mapping[str, Any]) -> frozenset[str]:
    """The fields that hold an array in no document, by an explanation of plans that use them.

    MongoDB remembers for each index the fields in which any document ever held an array.
    """
    array_free: set[str] = set()
    arrays: set[str] = set()
    for scan in _scans(explained):
        if scan.get("isSparse") or scan.get("isPartial"):
            continue
        for name, paths in scan["multiKeyPaths"].items():
            (arrays if paths else array_free).add(name)
    return frozenset(array_free - arrays)


def _scans(explained: Any) -> Iterator[Mapping[str, Any]]:
    """All index scans, of the chosen plan and of the others, on any shard."""
    if isinstance(explained, Mapping):
        if "multiKeyPaths" in explained:
            yield explained
        for value in explained.values():
            yield from _scans(value)
    elif isinstance(explained, list):
        for value in explained:
            yield from _scans(value)
