"""How a field's value is read inside MongoDB: the expressions of kpis.md, rule 6.

Each function takes a path (`"$wallet.status"`) and returns an aggregation expression that never
fails, whatever BSON value is there. An array where a plain value belongs is a wrong type: in
expressions, unlike in `$match`, it is compared as a whole.
"""

from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Any, Final

from documents.values import UNREADABLE_FROM

Expression = Any
"""A MongoDB aggregation expression."""

UNKNOWN: Final = "unknown"
"""The group of documents without a readable key."""

_FIRST: Final = datetime(MINYEAR, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(MAXYEAR, 12, 31, tzinfo=UTC)
_OF_NUMBERS: Final = "0123456789+-.eE"
# `++` and `*+` never try fewer digits, which would take quadratic time; `\z`, since `$` would
# allow a line's end.
_NUMERIC: Final = r"^[+-]?([0-9]++(\.[0-9]*+)?|\.[0-9]++)([eE][+-]?[0-9]++)?\z"


def present(path: str) -> Expression:
    """Whether an ObjectId field is there: neither missing nor null, of whatever type."""
    return {"$ne": [{"$ifNull": [path, None]}, None]}


def is_text(path: str) -> Expression:
    """Whether a value is a string, and not an empty one."""
    return {"$and": [{"$eq": [{"$type": path}, "string"]}, {"$ne": [path, ""]}]}


def text(path: str, absent: str) -> Expression:
    """A text; `absent` where it is missing, null, empty or no string."""
    return {"$cond": [is_text(path), path, absent]}


def flag(path: str) -> Expression:
    """Whether a Boolean is exactly true."""
    return {"$eq": [path, True]}


def moment(path: str) -> Expression:
    """A date; null where it is none."""
    return {"$cond": [{"$eq": [{"$type": path}, "date"]}, path, None]}


def bucket(path: str, size: timedelta) -> Expression:
    """The start of the bucket of time, of whole minutes, that a date is in.

    Buckets of all sizes up to a day begin at midnight in UTC.
    """
    # `$dateTrunc` fails on some of the dates that BSON has beyond these.
    within = {"$min": [{"$max": [path, _FIRST]}, _LAST]}
    minutes = size // timedelta(minutes=1)
    return {"$dateTrunc": {"date": within, "unit": "minute", "binSize": minutes}}


def key(path: str) -> Expression:
    """An ObjectId as its text; a key of any other type as it is, null where there is none."""
    # Texts cost a driver a fraction of what ObjectIds do.
    as_it_is = {"$ifNull": [path, None]}
    return {"$cond": [{"$eq": [{"$type": path}, "objectId"]}, {"$toString": path}, as_it_is]}


def one_if(condition: Expression) -> Expression:
    """1 where a condition holds, else 0: what adds up to how often it does."""
    return {"$cond": [condition, 1, 0]}


def number(path: str) -> Expression:
    """A number that adds up exactly (doubles at 15 significant digits); 0 if unreadable."""
    exact = {"$cond": [{"$eq": [{"$type": path}, "double"]}, {"$toDecimal": path}, path]}
    return {"$cond": [_readable(path), exact, 0]}


def whole(path: str, absent: int = 0) -> Expression:
    """A number cut toward zero, as a long; `absent` if unreadable."""
    return {"$cond": [_readable(path), {"$toLong": path}, absent]}


def price(path: str) -> Expression:
    """A number, or a text that is one, as a decimal at 6 places; 0 if unreadable."""
    # `$convert` alone takes blanks, NaN, hexadecimals, Booleans and dates too, and fails on some
    # exponents; `$regexMatch` fails on what is no UTF-8, of which no other character is left here.
    ascii = {"$eq": [{"$trim": {"input": path, "chars": _OF_NUMBERS}}, ""]}
    numeric = {"$and": [ascii, {"$regexMatch": {"input": path, "regex": _NUMERIC}}]}
    is_string = {"$eq": [{"$type": path}, "string"]}
    is_number = {"$cond": [is_string, numeric, {"$isNumber": path}]}
    converted = {"$convert": {"input": path, "to": "decimal", "onError": 0}}
    value = {"$let": {"vars": {"parsed": converted}, "in": number("$$parsed")}}
    return {"$cond": [is_number, {"$round": [value, 6]}, 0]}


def _readable(path: str) -> Expression:
    # In BSON's order null and NaN come before all numbers, every other type after them: two
    # comparisons refuse them all.
    return {"$and": [{"$gt": [path, -UNREADABLE_FROM]}, {"$lt": [path, UNREADABLE_FROM]}]}


def mentioned(expression: Expression) -> Iterator[str]:
    """The paths, variables and so on that an expression mentions: texts that begin with `$`."""
    if isinstance(expression, str) and expression.startswith("$"):
        yield expression
    elif isinstance(expression, Mapping):
        for value in expression.values():
            yield from mentioned(value)
    elif isinstance(expression, list | tuple):
        for value in expression:
            yield from mentioned(value)
