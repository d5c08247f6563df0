"""The execution of `eventStats` without its resolver's work: the result is precomputed."""

import asyncio
import time
from collections.abc import Mapping
from statistics import median
from typing import Any, Final, cast
from unittest.mock import patch

import resolvers.event_stats
import schema
from auth.viewer import Permission, Role, Viewer
from benchmarks.data.dataset import NOW
from benchmarks.operations import EVENT_STATS, Operation
from loaders.loader import Loader
from resolvers.event_stats import EventStats, EventStatsPage, TicketStatusCounts
from resolvers.kpi.stats import row_type
from schema.context import Context

_ADMIN: Final = Viewer(Role.ADMIN, tuple(Permission))
_EVENTS: Final = 500


def milliseconds(rounds: int) -> tuple[float, float]:
    """CPU time of an execution with all fields, without and with compilation."""
    return asyncio.run(_measured(rounds))


async def _measured(rounds: int) -> tuple[float, float]:
    page = EventStatsPage(_EVENTS, [_row(number) for number in range(_EVENTS)])

    async def ready(*_: object, **__: object) -> EventStatsPage:
        return page

    text = Operation(EVENT_STATS, ()).text
    schemas = {compiled: schema.build(compiled=compiled) for compiled in (False, True)}
    times: Mapping[bool, list[float]] = {False: [], True: []}
    with patch.object(resolvers.event_stats, "event_stats", ready):
        answers = [await _execute(each, text) for each in schemas.values()]
        if answers[0] != answers[1] or len(answers[0]["eventStats"]["events"]) != _EVENTS:
            raise RuntimeError("Compiled execution returns a different response.")
        for _ in range(rounds):
            for compiled, built in schemas.items():
                # Takes similar time for both.
                repeats = 20 if compiled else 2
                started = time.process_time()
                for _ in range(repeats):
                    await _execute(built, text)
                took = time.process_time() - started
                times[compiled].append(1000 * took / repeats)
    return median(times[False]), median(times[True])


async def _execute(built: Any, text: str) -> Any:
    context = Context(_ADMIN, NOW, Loader({}, timeout=30))
    result = await built.execute(text, context_value=context)
    if result.errors:
        raise result.errors[0]
    return result.data


def _row(number: int) -> EventStats:
    made = row_type(EventStats)(
        id=f"{number:024x}", event_id=f"{number:024x}",
        title=f"Event {number}: a night to remember",
        event_type="concert", event_date=NOW, location="Arena 1, Goiânia", capacity=200,
        is_active=True, is_sale_box_office=False, tickets_issued=100, tickets_sold=70,
        tickets_promo=20, tickets_admin=10, ticket_status=TicketStatusCounts(35, 52, 12),
        revenue=7000.0 + number, orders_count=40, occupancy_pct=50.0,
    )  # fmt: skip
    return cast("EventStats", made)
