"""How a field is read whose value is missing, null or of a wrong type (kpis.md, rule 6)."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, Final, TypeVar

from bson import Decimal128
from pydantic import BeforeValidator, ValidationError, WrapValidator

UNREADABLE_FROM: Final = 10**12
"""A number of this size or beyond, in either direction, is read as 0."""


def _of(kind: type) -> BeforeValidator:
    return BeforeValidator(lambda value: value if isinstance(value, kind) else None)


def _number(value: Any) -> int | float | Decimal:
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return 0
    return number if isfinite(number) and -UNREADABLE_FROM < number < UNREADABLE_FROM else 0


def _part(value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


_T = TypeVar("_T")

Key = Any
"""An ObjectId field: present unless missing or null, whatever its type."""
Text = Annotated[str | None, BeforeValidator(lambda v: v if v and isinstance(v, str) else None)]
"""A text; None if it is missing, null, empty or no string."""
Flag = Annotated[bool | None, _of(bool)]
"""A Boolean; None if it is none."""
Moment = Annotated[datetime | None, _of(datetime)]
"""A date, in UTC; None if it is none."""
Whole = Annotated[int, BeforeValidator(lambda value: int(_number(value)))]
"""A number cut toward zero; 0 if it can't be read."""
Number = Annotated[int | float | Decimal, BeforeValidator(_number)]
"""A number; 0 if it can't be read."""
Texts = Annotated[
    list[str],
    BeforeValidator(lambda v: [t for t in v if isinstance(t, str)] if isinstance(v, list) else []),
]
"""A list of texts; what is no text in it is left out."""
Mapped = Annotated[dict[str, Any] | None, _of(dict)]
"""A sub-document of no fixed shape; None if it is none."""
Part = Annotated[_T | None, WrapValidator(_part)]
"""A sub-document of a fixed shape; None if it is none."""
