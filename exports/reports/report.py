"""The interface between reports and file formats: sheets of typed columns, batches of rows."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any, Protocol, Self


class Kind(Enum):
    """The type of a column's values. Any value may be None."""

    TEXT = auto()
    INTEGER = auto()
    """An int."""
    MONEY = auto()
    """A float in major units, at 2 places."""
    PERCENTAGE = auto()
    """A float at 1 place: 73.5 is 73.5 %."""
    DATE_TIME = auto()
    """A datetime; a naive one is in UTC."""
    DATE = auto()
    """A date."""
    BOOLEAN = auto()
    """A bool."""
    YES_NO = auto()
    """A bool that is shown as Yes or No."""
    JSON = auto()
    """A list or dict, encodable as JSON."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `title` is its header in sheets.

    `name` is its name in JSON, with dots for nested objects; None omits the column there.
    """

    title: str
    name: str | None
    kind: Kind
    width: int | None = None

    def for_people(self) -> Self:
        """The column with Yes and No instead of true and false."""
        return replace(self, kind=Kind.YES_NO)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook, a CSV file `<name>.csv`, or the list `name` in JSON."""

    title: str
    name: str
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True)
class Batch:
    """One or more rows of a sheet, column by column.

    `parent`: rows of the second sheet belong to the row of the first sheet with this index.
    """

    columns: Sequence[Sequence[Any]]
    parent: int = 0

    def __len__(self) -> int:
        return len(self.columns[0])

    def slice(self, start: int, stop: int) -> Self:
        """The rows from `start` to before `stop`."""
        return replace(self, columns=[values[start:stop] for values in self.columns])


class Report(Protocol):
    """A report: one or two sheets of streamed rows.

    Rows of the second sheet belong to rows of the first, and come in their order.
    """

    @property
    def title(self) -> str:
        """The title in the file's properties and in progress bars."""

    @property
    def generated_at(self) -> datetime: ...

    @property
    def filters(self) -> Mapping[str, Any]:
        """Parameter name → value, encodable as JSON."""

    @property
    def sheets(self) -> Sequence[Sheet]: ...

    async def expected(self) -> int:
        """The approximate number of rows of all sheets."""

    def batches(self, sheet: Sheet) -> AsyncGenerator[Batch]:
        """Yields the rows of a sheet. A writer reads each sheet once."""
