"""Checks of arguments: each error names the argument, what is allowed and the value."""

from datetime import datetime

from bson import ObjectId
from bson.errors import InvalidId

from errors import BadUserInput, quoted


def within(name: str, value: int, least: int, most: int | None = None) -> int:
    """The value if it is from `least` to `most`, both in; raises `BadUserInput`."""
    if value < least or (most is not None and value > most):
        allowed = f"{least} or more" if most is None else f"from {least} to {most}"
        raise BadUserInput(f"Argument '{name}' must be {allowed}; it is {value}.")
    return value


def text(name: str, value: str) -> str:
    """The value if MongoDB can store it; raises `BadUserInput`."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadUserInput(
            f"Argument '{name}' must be valid Unicode; it holds half of a surrogate pair."
        ) from error
    return value


def date_time(value: object) -> datetime:
    """A date and time in ISO 8601, with its offset; raises `BadUserInput`."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not isinstance(value, str):
        raise BadUserInput(
            "A date and time must be ISO 8601 with its offset, as 2026-04-15T19:00:00Z; "
            f"it is {quoted(value)}."
        )
    return found


def object_id(name: str, value: str) -> ObjectId:
    """The ObjectId of a text; raises `BadUserInput`."""
    try:
        return ObjectId(value)
    except InvalidId as error:
        raise BadUserInput(
            f"Argument '{name}' must be an ObjectId, 24 hexadecimal digits; it is {quoted(value)}."
        ) from error
