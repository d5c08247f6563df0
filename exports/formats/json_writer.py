"""Writes reports as JSON. Rows of the second sheet are nested in the rows of the first."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import date, datetime, tzinfo
from typing import Any, Final

import orjson

from exports.formats.texts import utc
from exports.formats.zip_stream import CHUNK
from exports.reports.report import Batch, Column, Kind, Report


async def json_file(report: Report, zone: tzinfo) -> AsyncGenerator[bytes]:
    """Yields the JSON object of a report. Times are in UTC; `zone` is ignored."""
    first, *nested = report.sheets
    objects = _Objects(first.columns)
    head = {"generated_at": _iso(report.generated_at), "filters": report.filters}
    text = bytearray(orjson.dumps(head)[:-1] + b',"%b":[' % first.name.encode())
    row_number = 0
    async with aclosing(_children(report)) as children, aclosing(report.batches(first)) as batches:
        child = await anext(children, None)
        async for batch in batches:
            for row in objects.of(batch):
                text += b"," if row_number else b""
                text += orjson.dumps(row)
                for sheet in nested:
                    text[-1:] = b',"%b":[' % sheet.name.encode()
                    started = False
                    while child is not None and child[0] == row_number:
                        text += (b"," if started else b"") + child[1]
                        started = True
                        if len(text) > CHUNK:
                            yield bytes(text)
                            text.clear()
                        child = await anext(children, None)
                    text += b"]}"
                row_number += 1
            if len(text) > CHUNK:
                yield bytes(text)
                text.clear()
    yield bytes(text + b"]}")


async def _children(report: Report) -> AsyncGenerator[tuple[int, bytes]]:
    """Rows of the second sheet: (number of the parent row, comma-separated JSON objects)."""
    for sheet in report.sheets[1:]:
        objects = _Objects(sheet.columns)
        async with aclosing(report.batches(sheet)) as batches:
            async for batch in batches:
                yield batch.parent, orjson.dumps(objects.of(batch))[1:-1]


class _Objects:
    """Converts the rows of a sheet to dicts that orjson can encode."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._fields = [
            (index, column.name.split("."), _CONVERTERS.get(column.kind))
            for index, column in enumerate(columns)
            if column.name is not None
        ]

    def of(self, batch: Batch) -> list[dict[str, Any]]:
        objects: list[dict[str, Any]] = [{} for _ in range(len(batch))]
        for index, (*parents, name), convert in self._fields:
            for value, target in zip(batch.columns[index], objects, strict=True):
                for parent in parents:
                    target = target.setdefault(parent, {})
                target[name] = value if convert is None or value is None else convert(value)
        return objects


def _iso(time: datetime) -> str:
    return utc(time).isoformat(timespec="milliseconds") + "+00:00"


_CONVERTERS: Final[dict[Kind, Callable[[Any], str]]] = {
    Kind.DATE_TIME: _iso,
    Kind.DATE: date.isoformat,
}
