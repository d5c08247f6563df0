"""The parameters of a request's address: each is checked, and all that are wrong are named."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeVar

from errors import BadUserInput
from resolvers import arguments

_Member = TypeVar("_Member", bound=Enum)

_YES: Final = frozenset({"true", "1", "yes", "on"})
_NO: Final = frozenset({"false", "0", "no", "off"})


class BadParameters(BadUserInput):
    """Parameters that have values which they may not have."""

    def __init__(self, complaints: Mapping[str, str]) -> None:
        super().__init__(" ".join(complaints.values()))
        self.complaints = complaints


class Parameters:
    """Reads parameters; `check` raises what is wrong with any. An empty one is not given."""

    def __init__(self, given: Sequence[tuple[str, str]]) -> None:
        self._given: dict[str, list[str]] = {}
        for name, value in given:
            if value:
                self._given.setdefault(name, []).append(value)
        self._complaints: dict[str, str] = {}
        self._asked = set[str]()
        self.token = self.text("token")

    def text(self, name: str, *, required: bool = False) -> str | None:
        """A text; None where none is given."""
        self._asked.add(name)
        values = self._given.get(name, [])
        if len(values) > 1:
            self._complaints[name] = f"'{name}' is given {len(values)} times; give it once."
        if required and not values:
            self._complaints[name] = f"'{name}' is missing."
        return values[0] if values else None

    def flag(self, name: str) -> bool:
        """Yes or no; no where it is not given."""
        value = (self.text(name) or "false").lower()
        if value not in _YES | _NO:
            self._complaints[name] = f"'{name}' must be true or false; it is '{value}'."
        return value in _YES

    def moment(self, name: str) -> datetime | None:
        """A moment; None where none is given."""
        value = self.text(name)
        if value is None:
            return None
        try:
            # In an address a plus that is not escaped is a space.
            return arguments.date_time(value.replace(" ", "+"))
        except BadUserInput as error:
            self._complaints[name] = f"'{name}': {error}"
            return None

    def object_id(self, name: str, value: str) -> str:
        """An ObjectId's text."""
        try:
            return str(arguments.object_id(name, value))
        except BadUserInput as error:
            self._complaints[name] = str(error)
            return value

    def choice(self, name: str, default: _Member) -> _Member:
        """One of an enum's values."""
        value = self.text(name)
        choices: dict[Any, _Member] = {each.value: each for each in type(default)}
        if value is not None and value not in choices:
            allowed = ", ".join(choices)
            self._complaints[name] = f"'{name}' must be one of {allowed}; it is '{value}'."
        return choices.get(value, default)

    def check(self) -> None:
        """Raises `BadParameters` if anything was wrong, or is no parameter that was read."""
        for name in self._given.keys() - self._asked:
            # A filter with a misspelt name would leave more than was asked for.
            allowed = ", ".join(sorted(self._asked))
            self._complaints[name] = f"'{name}' is no parameter here; there are {allowed}."
        if self._complaints:
            raise BadParameters(self._complaints)
