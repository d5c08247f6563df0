"""Any report as JSON, streamed: rows of a second sheet are lists in the rows of the first."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import date, datetime, tzinfo
from typing import Any, Final

import orjson

from exports.formats.texts import utc
from exports.formats.zip_stream import CHUNK
from exports.reports.report import Batch, Column, Kind, Report


async def json_file(report: Report, zone: tzinfo) -> AsyncGenerator[bytes]:
    """The bytes of one object, as the rows come; its times are in UTC, not in the zone."""
    first, *nested = report.sheets
    objects = _Objects(first.columns)
    head = {"generated_at": _iso(report.generated_at), "filters": report.filters}
    text = bytearray(orjson.dumps(head)[:-1] + b',"%b":[' % first.name.encode())
    place = 0
    async with aclosing(_lists(report)) as lists, aclosing(report.batches(first)) as batches:
        waiting = await anext(lists, None)
        async for batch in batches:
            for row in objects.of(batch):
                text += b"," if place else b""
                text += orjson.dumps(row)
                for sheet in nested:
                    text[-1:] = b',"%b":[' % sheet.name.encode()
                    started = False
                    while waiting is not None and waiting[0] == place:
                        text += (b"," if started else b"") + waiting[1]
                        started = True
                        if len(text) > CHUNK:
                            yield bytes(text)
                            text.clear()
                        waiting = await anext(lists, None)
                    text += b"]}"
                place += 1
            if len(text) > CHUNK:
                yield bytes(text)
                text.clear()
    yield bytes(text + b"]}")


async def _lists(report: Report) -> AsyncGenerator[tuple[int, bytes]]:
    """(place of a row of the first sheet, objects that belong to it)."""
    for sheet in report.sheets[1:]:
        objects = _Objects(sheet.columns)
        async with aclosing(report.batches(sheet)) as batches:
            async for batch in batches:
                yield batch.place, orjson.dumps(objects.of(batch))[1:-1]


class _Objects:
    """Rows as what orjson can encode."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._fields = [
            (place, column.name.split("."), _SHOWN.get(column.kind))
            for place, column in enumerate(columns)
            if column.name is not None
        ]

    def of(self, batch: Batch) -> list[dict[str, Any]]:
        objects: list[dict[str, Any]] = [{} for _ in range(len(batch))]
        for place, (*outer, name), shown in self._fields:
            for value, found in zip(batch.columns[place], objects, strict=True):
                for each in outer:
                    found = found.setdefault(each, {})
                found[name] = value if shown is None or value is None else shown(value)
        return objects


def _iso(moment: datetime) -> str:
    return utc(moment).isoformat(timespec="milliseconds") + "+00:00"


_SHOWN: Final[dict[Kind, Callable[[Any], str]]] = {Kind.MOMENT: _iso, Kind.DAY: date.isoformat}
