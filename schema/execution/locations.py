"""Locations of errors: lines and columns, from an index of the lines of a document's text.

graphql-core searches the whole text for line breaks for each error. 800 errors would take seconds.
"""

import re
from bisect import bisect_right
from typing import Final, NamedTuple

from graphql import DocumentNode, GraphQLError, Source, SourceLocation

_LINE_BREAK: Final = re.compile(r"\r\n|[\n\r]")


class _Index(NamedTuple):
    """The positions at which the lines of a text start, and the text's length in characters."""

    lines: list[int]
    characters: int


def index_lines(document: DocumentNode) -> None:
    """Replaces the text of a document by its index."""
    if document.loc is not None:
        source = document.loc.source
        lines = [0, *(match.end() for match in _LINE_BREAK.finditer(source.body))]
        source.index = _Index(lines, len(source.body))  # type: ignore[attr-defined]
        source.body = ""


def _index(source: Source | None) -> _Index | None:
    found: _Index | None = getattr(source, "index", None)
    return found


def characters(source: Source) -> int:
    """The length of a document's text."""
    index = _index(source)
    return len(source.body) if index is None else index.characters


def locations(error: GraphQLError, most: int) -> list[SourceLocation] | None:
    """The first locations of an error, at most `most`."""
    index = _index(error.source)
    if index is None or error.positions is None:
        return error.locations and error.locations[:most]
    found = []
    for position in [*error.positions][:most]:
        line = bisect_right(index.lines, position)
        found.append(SourceLocation(line, position + 1 - index.lines[line - 1]))
    return found
