"""How stored values are shown in rows, by the rules for bad values (docs/kpis.md)."""

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from math import isfinite
from typing import Any, Final

from bson import DBRef, Decimal128, ObjectId, json_util
from bson.datetime_ms import DatetimeMS

from documents.values import UNREADABLE_FROM
from resolvers.kpi.rounding import MINOR_UNITS

_CENT: Final = Decimal("0.01")
# Beyond it a double stands for more than one whole number.
_EXACT_BELOW: Final = 2**53


def text(value: object) -> str | None:
    """A text, or the text of a number or an ObjectId; None for any other value."""
    # JavaScript is a subclass, and no text.
    if type(value) is str:
        return value or None
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_BELOW:
        # A whole number has no point, whatever type it is stored as.
        return str(int(value))
    number = value if isinstance(value, float) and isfinite(value) else _number(value)
    return None if number is None else str(number)


def key(value: object) -> str:
    """The text of an id; the JSON of a value that has no text."""
    if isinstance(value, str | float):
        return text(value) or str(value)
    return text(value) or json_util.dumps(json(value), ensure_ascii=False)


def date_time(value: object) -> datetime | None:
    """A date; None if the value is none, or its year has more than four digits."""
    return value if isinstance(value, datetime) else None


def day(value: object) -> date | None:
    """The day of a date, in UTC; None for any other value."""
    return value.date() if isinstance(value, datetime) else None


def flag(value: object) -> bool | None:
    """A Boolean; None for any other value."""
    return value if isinstance(value, bool) else None


def is_true(value: object) -> bool:
    """Whether a Boolean is exactly true."""
    return value is True


def integer(value: object) -> int:
    """A number cut toward zero; 0 if it is unreadable."""
    return int(_valid_number(value) or 0)


def price(value: object) -> str | None:
    """Minor units as a decimal in major units, at 2 places; None if they are unreadable."""
    cents = _valid_number(value)
    if cents is None:
        return None
    # Adding nothing takes the sign off zero.
    return str((cents / MINOR_UNITS).quantize(_CENT, ROUND_HALF_EVEN) + 0)


def json_object(value: object) -> dict[str, Any] | None:
    """A sub-document as JSON; None for any other value."""
    found = document(value)
    return None if found is None else json(found)


def json_array(value: object) -> list[Any] | None:
    """An array as JSON; None for any other value."""
    return json(value) if isinstance(value, list) else None


def document(value: object) -> dict[str, Any] | None:
    """A sub-document, also one that the driver decodes as a reference; None for other values."""
    if isinstance(value, DBRef):
        return dict(value.as_doc())
    return value if isinstance(value, dict) else None


def json(value: object) -> Any:
    """A value as JSON has it: ids and decimals as texts, dates in ISO 8601, NaN as null.

    Other types that JSON lacks are written as MongoDB's Extended JSON writes them.
    """
    if value is None or isinstance(value, bool) or type(value) is str:
        return value
    if (found := document(value)) is not None:
        return {name: json(each) for name, each in found.items()}
    if isinstance(value, list):
        return [json(each) for each in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, datetime):
        # In UTC, whether the driver was asked to say so or not.
        return value.replace(tzinfo=UTC).isoformat(timespec="milliseconds")
    if isinstance(value, ObjectId | Decimal128):
        return text(value)
    if isinstance(value, DatetimeMS):
        # A year that ISO 8601's four digits can't show.
        return None
    return json_util.default(value, json_util.RELAXED_JSON_OPTIONS)


def _number(value: object) -> int | Decimal | None:
    """A finite number, a double at 15 significant digits; None for any other value."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        value = Decimal(f"{value:.15g}")
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    return value if isinstance(value, Decimal) and value.is_finite() else None


def _valid_number(value: object) -> Decimal | None:
    number = _number(value)
    within = number is not None and -UNREADABLE_FROM < number < UNREADABLE_FROM
    return Decimal(number) if number is not None and within else None
