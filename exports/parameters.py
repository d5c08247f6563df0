"""The parameters of URLs. All invalid parameters are reported together."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias, TypeVar

from errors import BadUserInput, NotFound, quoted
from resolvers import arguments
from resolvers.exports import EventsDashboardExport, Export, TicketReportExport
from resolvers.tickets.report import Tickets

_Choice = TypeVar("_Choice")

_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_MILLISECONDS: Final = re.compile(r"[0-9]{13}")
_LOST_PLUS: Final = re.compile(r"(T.*) (?=[0-9:]+$)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadParameters(BadUserInput):
    """Some parameters are invalid; `messages` has an error message for each of their names."""

    def __init__(self, messages: Mapping[str, str]) -> None:
        self.messages = messages
        super().__init__(" ".join(messages.values()))


class Parameters:
    """Parses parameters and collects errors until `check`.

    An empty parameter counts as absent. Parameters that nothing parses are ignored.
    """

    def __init__(self, items: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in items:
            if value:
                self._values.setdefault(name, []).append(value)
        self._errors: dict[str, str] = {}
        self._not_found: str | None = None

    def text(self, name: str, *, required: bool = False) -> str | None:
        """A string; None if absent."""
        values = self._values.get(name, [])
        if len(values) > 1:
            self._errors[name] = f"'{name}' appears {len(values):,} times: send it once."
        if required and not values:
            self._errors[name] = f"'{name}' is required."
        return values[0] if values else None

    def flag(self, name: str, *, required: bool = False) -> bool | None:
        """A Boolean; None if absent."""
        value = self.text(name, required=required)
        if value is None:
            return None
        if (flag := value.lower()) not in _TRUE | _FALSE:
            self._errors[name] = f"'{name}' must be true or false; it is {quoted(value)}."
        return flag in _TRUE

    def integer(self, name: str, least: int, most: int, *, required: bool = False) -> int | None:
        """An integer in decimal digits, from `least` to `most`; None if absent."""
        value = self.text(name, required=required)
        if value is None:
            return None
        number = int(value) if _DIGITS.fullmatch(value) else None
        if number is None or not least <= number <= most:
            self._errors[name] = (
                f"'{name}' must be an integer from {least} to {most}, in decimal digits; it is "
                f"{quoted(value)}."
            )
        return number

    def date_time(self, name: str, *, required: bool = False) -> datetime | None:
        """A time in ISO 8601, in UTC if it has no offset, or as milliseconds since 1970.

        None if absent. Exactly 13 digits are milliseconds.
        """
        value = self.text(name, required=required)
        if value is None:
            return None
        if _MILLISECONDS.fullmatch(value):
            return _EPOCH + timedelta(milliseconds=int(value))
        try:
            # An unescaped plus in a URL is decoded as a space.
            found = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+", value))
        except ValueError:
            self._errors[name] = (
                f"'{name}' must be a time in ISO 8601, as 2026-04-15T19:00:00Z, or the "
                f"milliseconds since 1970 in 13 digits; it is {quoted(value)}."
            )
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def object_id(self, name: str, *, required: bool = False) -> str | None:
        """An ObjectId in hexadecimal digits; None if absent."""
        value = self.text(name, required=required)
        try:
            return value and str(arguments.object_id(name, value))
        except BadUserInput as error:
            self._errors[name] = str(error)
            return value

    def object_id_in_path(self, name: str, value: str) -> str:
        """An ObjectId that the path has: no resource has the path of a malformed one."""
        try:
            return str(arguments.object_id(name, value))
        except BadUserInput as error:
            self._not_found = str(error)
            return value

    def choice(
        self, name: str, choices: Mapping[str, _Choice], *, required: bool = False
    ) -> _Choice | None:
        """One of some choices, by its name in lower case; None if absent."""
        value = self.text(name, required=required)
        if value is not None and value.lower() not in choices:
            allowed = ", ".join(choices)
            self._errors[name] = f"'{name}' must be one of {allowed}; it is {quoted(value)}."
        return None if value is None else choices.get(value.lower())

    def check(self) -> None:
        """Raises `NotFound` for a malformed path, `BadParameters` for invalid parameters."""
        if self._not_found is not None:
            raise NotFound(self._not_found)
        if self._errors:
            raise BadParameters(self._errors)


ParseExport: TypeAlias = Callable[[Parameters, Mapping[str, Any]], Export]
"""Parses the parameters of the query and of the path."""


def parse_events_dashboard(parameters: Parameters, _: Mapping[str, Any]) -> Export:
    return EventsDashboardExport(
        parameters.text("event_type"), parameters.flag("active_only") or False
    )


def parse_ticket_report(parameters: Parameters, path: Mapping[str, Any]) -> Export:
    return TicketReportExport(
        event_id=parameters.object_id_in_path("eventId", path["eventId"]),
        mobile_app_id=parameters.text("mobileAppId", required=True) or "",
        tickets=Tickets(
            exclude_deleted=parameters.flag("excludeDeleted") or False,
            last_updated_since=parameters.date_time("lastUpdatedSince"),
            last_updated_before=parameters.date_time("lastUpdatedBefore"),
        ),
    )
