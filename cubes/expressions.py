"""MongoDB expressions that read a field by fixed rules for bad values (docs/kpis.md).

Each function takes a path (`"$wallet.status"`) and returns an aggregation expression that never
fails, whatever BSON value the field has. An array where a single value belongs is a wrong type:
expressions, unlike `$match`, compare it as a whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Any, Final

from bson import MinKey, Regex

from documents.values import UNREADABLE_FROM

Expression = Any
"""A MongoDB aggregation expression."""

UNKNOWN: Final = "unknown"
"""The group of documents without a readable key."""

_FIRST: Final = datetime(MINYEAR, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(MAXYEAR, 12, 31, tzinfo=UTC)
_TEXTS: Final = ["string", "symbol"]
# Of amounts and prices.
_PLACES: Final = 6
_NUMERIC_CHARACTERS: Final = "0123456789+-.eE"
# `++` and `*+` never try fewer digits, which would take quadratic time; `\z`, since `$` would
# allow a line's end.
_NUMERIC: Final = r"^[+-]?([0-9]++(\.[0-9]*+)?|\.[0-9]++)([eE][+-]?[0-9]++)?\z"


@dataclass(frozen=True)
class Setting:
    """A placeholder in a cube's expressions for one of the server's settings.

    `Catalog` replaces it by the setting's value, or by `default` if the server sets none.
    """

    name: str
    default: Any


def bound(expression: Expression, settings: Mapping[str, Any]) -> Expression:
    """The expression with each `Setting` replaced by its value as a literal."""
    if isinstance(expression, Setting):
        return {"$literal": settings.get(expression.name, expression.default)}
    if isinstance(expression, Mapping):
        return {name: bound(value, settings) for name, value in expression.items()}
    if isinstance(expression, list | tuple):
        return [bound(value, settings) for value in expression]
    return expression


def references(expression: Expression) -> Iterator[str]:
    """The field paths (`$a.b`) and variables (`$$a`) that an expression mentions.

    Literals are left out, and so are variables that the expression binds itself by `$let`.
    """
    if isinstance(expression, str) and expression.startswith("$"):
        yield expression
    elif isinstance(expression, Mapping):
        let = expression.get("$let")
        if let is not None:
            own = {f"$${name}" for name in let["vars"]}
            yield from references([*let["vars"].values()])
            yield from (each for each in references(let["in"]) if each.split(".")[0] not in own)
            return
        for name, value in expression.items():
            if name != "$literal":
                yield from references(value)
    elif isinstance(expression, list | tuple):
        for value in expression:
            yield from references(value)


def _checked(path: str) -> str:
    """The path; raises `ValueError` if its `$` is missing, so that it would be a text."""
    if not path.startswith("$"):
        raise ValueError(f"A path begins with $: write '${path}'.")
    return path


def present(path: str) -> Expression:
    """Whether an ObjectId field is present: neither missing nor null, of whatever type."""
    return {"$ne": [{"$ifNull": [_checked(path), None]}, None]}


def is_text(path: str) -> Expression:
    """Whether a value is a string, and not empty; a symbol is equal to a string, so it is one."""
    return {"$and": [{"$in": [{"$type": _checked(path)}, _TEXTS]}, {"$ne": [path, ""]}]}


def text(path: str, absent: str) -> Expression:
    """A text; `absent` if it is missing, null, empty or no string."""
    return {"$cond": [is_text(path), path, absent]}


def flag(path: str) -> Expression:
    """Whether a Boolean is exactly true."""
    return {"$eq": [_checked(path), True]}


def is_date(path: str) -> Expression:
    """Whether a value is a date."""
    return {"$eq": [{"$type": _checked(path)}, "date"]}


def date(path: str) -> Expression:
    """A date; null if the value is none."""
    return {"$cond": [is_date(path), path, None]}


def bucket(path: str, size: timedelta) -> Expression:
    """The start of the bucket that a date is in; `size` is in whole minutes, a day at most.

    Buckets of all sizes begin at midnight in UTC.
    """
    # `$dateTrunc` fails on dates outside Python's years, which BSON can hold.
    within = {"$min": [{"$max": [path, _FIRST]}, _LAST]}
    minutes = size // timedelta(minutes=1)
    return {"$dateTrunc": {"date": within, "unit": "minute", "binSize": minutes}}


def interval(path: str, boundaries: Sequence[datetime]) -> Expression:
    """The number of the interval that a date is in: 0 before the first boundary, then 1, 2, …

    A boundary belongs to the interval that it begins. A binary search: a thousand boundaries
    take ten comparisons.
    """

    def search(low: int, high: int) -> Expression:
        if low == high:
            return {"$literal": low}
        middle = (low + high) // 2
        return {"$cond": [{"$lt": [path, boundaries[middle]]}, search(low, middle),
                          search(middle + 1, high)]}  # fmt: skip

    return search(0, len(boundaries))


def cell_key(path: str) -> Expression:
    """The key of a cell: null if the value is absent, `[]` if its type is no key's.

    Those types are regular expression, JavaScript, DBPointer, MinKey and MaxKey. Equality,
    `$group`'s two engines and the driver treat them differently. No document's id is an array, so
    `[]` is the key of no document.
    """
    # In BSON's order MinKey comes first; a regular expression, DBPointer, JavaScript and MaxKey
    # come last. Undefined, which `$ifNull` reads as null, and missing are between.
    is_key = {"$and": [{"$gt": [_checked(path), MinKey()]}, {"$lt": [path, Regex("")]}]}
    return {"$cond": [is_key, {"$ifNull": [path, None]}, []]}


def key_text(path: str) -> Expression:
    """An ObjectId as its text; a key of any other type as it is, null if it is absent."""
    # The driver decodes a text in a fraction of the time that an ObjectId takes.
    as_it_is = {"$ifNull": [path, None]}
    return {"$cond": [{"$eq": [{"$type": path}, "objectId"]}, {"$toString": path}, as_it_is]}


def one_if(condition: Expression) -> Expression:
    """1 if the condition holds, else 0: its sum is how many documents meet the condition."""
    return {"$cond": [condition, 1, 0]}


def number(path: str) -> Expression:
    """A number at 6 places (a double at 15 significant digits first); 0 if unreadable.

    Its sums are exact, whatever is added and subtracted: up to 10^28 all digits fit into a decimal.
    """
    return {"$cond": [_is_valid_number(path), _exact(path), 0]}


def integer(path: str, absent: int = 0) -> Expression:
    """A number cut toward zero, as a long; `absent` if unreadable."""
    return {"$cond": [_is_valid_number(path), {"$toLong": path}, absent]}


def summand(whole: Expression) -> Expression:
    """A whole number whose sums are exact: a decimal from 32 bits on, as 64 bits can overflow."""
    small = {"$lt": [{"$abs": "$$whole"}, 1 << 31]}
    number = {"$cond": [small, "$$whole", {"$toDecimal": "$$whole"}]}
    return {"$let": {"vars": {"whole": whole}, "in": number}}


def price(path: str) -> Expression:
    """A number, or a text that is one, as a decimal at 6 places; 0 if unreadable."""
    # `$convert` alone also takes blanks, NaN, hexadecimals, Booleans and dates, and fails on some
    # exponents. `$regexMatch` fails on invalid UTF-8, which the check for ASCII digits excludes.
    ascii = {"$eq": [{"$trim": {"input": path, "chars": _NUMERIC_CHARACTERS}}, ""]}
    numeric = {"$and": [ascii, {"$regexMatch": {"input": path, "regex": _NUMERIC}}]}
    is_string = {"$eq": [{"$type": path}, "string"]}
    is_number = {"$cond": [is_string, numeric, {"$isNumber": path}]}
    converted = {"$convert": {"input": path, "to": "decimal", "onError": 0}}
    value = {"$let": {"vars": {"parsed": converted}, "in": number("$$parsed")}}
    return {"$cond": [is_number, value, 0]}


def _exact(path: str) -> Expression:
    # Four billion 32-bit integers add up exactly in 64 bits. Other integers may be much larger.
    decimal = {"$round": [{"$toDecimal": path}, _PLACES]}
    return {"$cond": [{"$eq": [{"$type": path}, "int"]}, path, decimal]}


def _is_valid_number(path: str) -> Expression:
    # In BSON's order null and NaN come before all numbers and every other type after them: two
    # comparisons refuse them all.
    above = {"$gt": [_checked(path), -UNREADABLE_FROM]}
    return {"$and": [above, {"$lt": [path, UNREADABLE_FROM]}]}
