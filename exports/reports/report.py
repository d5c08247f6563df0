"""What a report is: sheets of typed columns, and batches of rows. It knows no format."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any, Protocol, Self


class Kind(Enum):
    """What a column holds; any value may be None."""

    TEXT = auto()
    WHOLE = auto()
    """An int."""
    MONEY = auto()
    """A float in major units, at 2 places."""
    PERCENTAGE = auto()
    """A float at 1 place: 73.5 is 73.5 %."""
    MOMENT = auto()
    """A datetime; without an offset it is in UTC."""
    DAY = auto()
    """A date."""
    FLAG = auto()
    """A bool."""
    YES_NO = auto()
    """A bool that is read by people: Yes or No."""
    NESTED = auto()
    """A list or dict that JSON can hold."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header in sheets; its name in JSON, None if it is left out there.

    A name with a dot is of a nested object.
    """

    title: str
    name: str | None
    kind: Kind
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook, a file of a zip, or a list of JSON, which has `name`."""

    title: str
    name: str
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a sheet, at least one of them, column by column.

    `place` is that of the row of the first sheet that rows of a second one belong to.
    """

    columns: Sequence[Sequence[Any]]
    place: int = 0

    def __len__(self) -> int:
        return len(self.columns[0])

    def part(self, start: int, stop: int) -> Self:
        """Some of the rows."""
        return replace(self, columns=[values[start:stop] for values in self.columns])


class Report(Protocol):
    """Rows that are streamed to whatever format.

    There are one or two sheets. Rows of a second one belong to rows of the first, in whose order
    they come; JSON nests them there.
    """

    @property
    def title(self) -> str:
        """What the file is called, for people."""

    @property
    def generated_at(self) -> datetime: ...

    @property
    def filters(self) -> Mapping[str, Any]:
        """Name → value of what was asked for, as JSON can hold it."""

    @property
    def sheets(self) -> Sequence[Sheet]: ...

    async def expected(self) -> int:
        """How many rows there are, of all sheets together."""

    def batches(self, sheet: Sheet) -> AsyncGenerator[Batch]:
        """The rows of a sheet, as they come."""
