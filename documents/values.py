"""Field types that read missing, null and invalid values as None or 0 (docs/documents.md)."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, Final, TypeVar

from bson import Decimal128
from pydantic import BeforeValidator, ValidationError, WrapValidator

UNREADABLE_FROM: Final = 10**12
"""A number whose absolute value is this or more is invalid, and read as 0."""


def _instance_of(type_: type) -> BeforeValidator:
    return BeforeValidator(lambda value: value if isinstance(value, type_) else None)


def _number(value: Any) -> int | float | Decimal:
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return 0
    return number if isfinite(number) and -UNREADABLE_FROM < number < UNREADABLE_FROM else 0


def _valid_or_none(value: Any, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


_T = TypeVar("_T")

Key = Any
"""An id, of any type; None if it is missing or null."""
Text = Annotated[str | None, BeforeValidator(lambda v: v if v and isinstance(v, str) else None)]
"""A text; None if it is empty or not a string."""
Flag = Annotated[bool | None, _instance_of(bool)]
"""A Boolean; None for other types."""
DateTime = Annotated[datetime | None, _instance_of(datetime)]
"""A date and time in UTC; None for other types."""
Integer = Annotated[int, BeforeValidator(lambda value: int(_number(value)))]
"""A number, truncated toward zero; 0 if it is invalid."""
Number = Annotated[int | float | Decimal, BeforeValidator(_number)]
"""A number; 0 if it is invalid."""
TextList = Annotated[
    list[str],
    BeforeValidator(lambda v: [t for t in v if isinstance(t, str)] if isinstance(v, list) else []),
]
"""A list of texts without its other elements; empty if it is not a list."""
FreeDocument = Annotated[dict[str, Any] | None, _instance_of(dict)]
"""A sub-document of any shape; None for other types."""
SubDocument = Annotated[_T | None, WrapValidator(_valid_or_none)]
"""A value of the type `_T`, usually a model; None if it is invalid."""
