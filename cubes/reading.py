"""How a field's value is read inside MongoDB: the expressions of kpis.md, rule 6.

Each function takes a path (`"$wallet.status"`) and returns an aggregation expression that never
fails, whatever BSON value is there. An array where a plain value belongs is a wrong type: in
expressions, unlike in `$match`, it is compared as a whole.
"""

from typing import Any, Final

from documents.values import UNREADABLE_FROM

Expression = Any
"""A MongoDB aggregation expression."""

UNKNOWN: Final = "unknown"
"""The group of documents without a readable key."""


def present(path: str) -> Expression:
    """Whether an ObjectId field is there: neither missing nor null, of whatever type."""
    return {"$ne": [{"$ifNull": [path, None]}, None]}


def text(path: str, absent: str) -> Expression:
    """A text; `absent` where it is missing, null, empty or no string."""
    readable = {"$and": [{"$eq": [{"$type": path}, "string"]}, {"$ne": [path, ""]}]}
    return {"$cond": [readable, path, absent]}


def flag(path: str) -> Expression:
    """Whether a Boolean is exactly true."""
    return {"$eq": [path, True]}


def moment(path: str) -> Expression:
    """A date; null where it is none."""
    return {"$cond": [{"$eq": [{"$type": path}, "date"]}, path, None]}


def number(path: str) -> Expression:
    """A number that adds up exactly (doubles at 15 significant digits); 0 if unreadable."""
    exact = {"$cond": [{"$eq": [{"$type": path}, "double"]}, {"$toDecimal": path}, path]}
    return {"$cond": [_readable(path), exact, 0]}


def whole(path: str) -> Expression:
    """A number cut toward zero, as a long; 0 if unreadable."""
    return {"$cond": [_readable(path), {"$toLong": path}, 0]}


def _readable(path: str) -> Expression:
    # In BSON's order null and NaN come before all numbers, every other type after them: two
    # comparisons refuse them all.
    return {"$and": [{"$gt": [path, -UNREADABLE_FROM]}, {"$lt": [path, UNREADABLE_FROM]}]}
