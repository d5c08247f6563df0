"""The URL parameters of exports. All invalid parameters are reported together."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar

from errors import ERRORS_MAX, BadUserInput, quoted
from resolvers import arguments
from resolvers.exports import EventsDashboardExport, Export, TicketReportExport
from resolvers.tickets.report import Tickets

_Member = TypeVar("_Member", bound=Enum)

_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


class BadParameters(BadUserInput):
    """Some parameters are invalid; `messages` has an error message for each of their names.

    It has 20 of them; `others` is the number of the others.
    """

    def __init__(self, messages: Mapping[str, str]) -> None:
        self.messages = dict(islice(messages.items(), ERRORS_MAX))
        self.others = len(messages) - len(self.messages)
        super().__init__(" ".join(self.messages.values()))


class Parameters:
    """Parses parameters and collects errors until `check`. An empty parameter counts as absent."""

    def __init__(self, items: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in items:
            if value:
                self._values.setdefault(name, []).append(value)
        self._errors: dict[str, str] = {}
        self._names = set[str]()
        self.token = self.text("token")

    def text(self, name: str, *, required: bool = False) -> str | None:
        """A string; None if absent."""
        self._names.add(name)
        values = self._values.get(name, [])
        if len(values) > 1:
            self._errors[name] = f"'{name}' appears {len(values)} times: send it once."
        if required and not values:
            self._errors[name] = f"'{name}' is required."
        return values[0] if values else None

    def flag(self, name: str) -> bool:
        """A Boolean; false if absent."""
        value = (self.text(name) or "false").lower()
        if value not in _TRUE | _FALSE:
            self._errors[name] = f"'{name}' must be true or false; it is {quoted(value)}."
        return value in _TRUE

    def date_time(self, name: str) -> datetime | None:
        """A date and time with an offset; None if absent."""
        value = self.text(name)
        if value is None:
            return None
        try:
            # An unescaped plus in a URL is decoded as a space.
            return arguments.date_time(value.replace(" ", "+"))
        except BadUserInput as error:
            self._errors[name] = f"'{name}': {error}"
            return None

    def object_id(self, name: str, value: str) -> str:
        """Checks an ObjectId in hexadecimal digits that comes from the path."""
        try:
            return str(arguments.object_id(name, value))
        except BadUserInput as error:
            self._errors[name] = str(error)
            return value

    def choice(self, name: str, default: _Member) -> _Member:
        """A member of the default's enum, by its value; the default if absent."""
        value = self.text(name)
        choices: dict[Any, _Member] = {member.value: member for member in type(default)}
        if value is not None and value not in choices:
            allowed = ", ".join(choices)
            self._errors[name] = f"'{name}' must be one of {allowed}; it is {quoted(value)}."
        return choices.get(value, default)

    def check(self) -> None:
        """Raises `BadParameters` if a parameter is invalid, or has a name that was not parsed."""
        # An ignored filter would return more rows than requested.
        allowed = ", ".join(sorted(self._names))
        for name in self._values:
            if name not in self._names:
                self._errors[name] = (
                    f"{quoted(name)} is not a parameter; the parameters are {allowed}."
                )
        if self._errors:
            raise BadParameters(self._errors)


ParseExport: TypeAlias = Callable[[Parameters, Mapping[str, Any]], Export]
"""Parses the parameters of the query and of the path."""


def parse_events_dashboard(parameters: Parameters, _: Mapping[str, Any]) -> Export:
    return EventsDashboardExport(parameters.text("event_type"), parameters.flag("active_only"))


def parse_ticket_report(parameters: Parameters, path: Mapping[str, Any]) -> Export:
    return TicketReportExport(
        event_id=parameters.object_id("eventId", path["eventId"]),
        mobile_app_id=parameters.text("mobileAppId", required=True) or "",
        tickets=Tickets(
            exclude_deleted=parameters.flag("excludeDeleted"),
            last_updated_since=parameters.date_time("lastUpdatedSince"),
            last_updated_before=parameters.date_time("lastUpdatedBefore"),
        ),
    )
