"""A report for tests of writers, with given rows."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from exports.reports.report import Batch, Report, Sheet

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)


def batch(rows: Sequence[Sequence[Any]], parent: int = 0) -> Batch:
    """A batch of one or more rows."""
    return Batch([*zip(*rows, strict=True)], parent)


class FakeReport:
    """A report with given sheets; `batches` makes the batches of a sheet lazily."""

    title = "Fake"
    generated_at = AT

    def __init__(
        self,
        sheets: Sequence[Sheet],
        batches: Callable[[Sheet], Iterator[Batch]],
        filters: Mapping[str, Any] | None = None,
    ) -> None:
        self.sheets = sheets
        self.filters = filters or {}
        self._batches = batches

    async def expected(self) -> int:
        return 0

    async def batches(self, sheet: Sheet) -> AsyncGenerator[Batch]:
        for batch in self._batches(sheet):
            yield batch


async def written(
    writer: Callable[[Report, tzinfo], AsyncGenerator[bytes]], report: Report, zone: tzinfo = UTC
) -> bytes:
    """The whole file as bytes."""
    return b"".join([chunk async for chunk in writer(report, zone)])
