"""The operations of the benchmark, each with all fields of its result."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from graphql import GraphQLObjectType, build_schema, get_named_type
from pymongo.asynchronous.database import AsyncDatabase

import schema
from benchmarks import reading, reference
from benchmarks.reference import Reference

EVENT_STATS: Final = "eventStats(limit: 500)"
ORDER_STATS: Final = "orderStats"
BY_REVENUE: Final = "eventStats(orderBy: {field: REVENUE})"
TOTAL: Final = f'dashboardStats(mode: TOTAL, timezone: "{reading.ZONE}")'
UNIQUE: Final = f'dashboardStats(mode: UNIQUE, timezone: "{reading.ZONE}")'
_SALES: Final = ("tickets", "ticket_orders")
_VISITS: Final = ("analytics_events",)


@dataclass(frozen=True)
class Operation:
    """A call of a root field; `grouped` are the collections that it aggregates.

    `over_http` requires a result that does not depend on the current time, as the server's clock
    is later than the data. `on_dicts` is the reference implementation on dicts instead of
    documents. A `slow` reference runs in fewer rounds.
    """

    call: str
    grouped: Sequence[str]
    reference: Reference | None = None
    on_dicts: Reference | None = None
    over_http: bool = False
    slow: bool = False

    @property
    def field(self) -> str:
        """The root field."""
        return self.call.split("(")[0]

    @property
    def text(self) -> str:
        """The call with all fields of its result."""
        query = cast("GraphQLObjectType", build_schema(schema.sdl()).query_type)
        return f"{{ {self.call} {_every_field(query.fields[self.field].type)} }}"


async def operations(database: AsyncDatabase[dict[str, Any]]) -> Sequence[Operation]:
    """The operations, with an id of an event of `database`."""
    page, event = reference.event_stats, await database["events"].find_one(sort=[("_id", 1)])
    key = event["_id"] if event else None
    return [
        Operation("eventsOverview", ("events", *_SALES)),
        Operation(EVENT_STATS, _SALES, partial(page, limit=500), over_http=True),
        Operation("eventStats(limit: 20)", _SALES, partial(page, limit=20)),
        Operation(BY_REVENUE, _SALES, partial(page, limit=20, by_revenue=True)),
        Operation(f'event(id: "{key}")', _SALES, partial(reference.event, key)),
        Operation("promoCodeStats", ("tickets", "promo_codes")),
        Operation(ORDER_STATS, ("ticket_orders",), reference.order_stats, over_http=True),
        Operation("metrics", ("users", "products")),
        *(
            Operation(
                call,
                _VISITS,
                partial(reading.of_objects, unique=call == UNIQUE),
                partial(reading.of_dicts, unique=call == UNIQUE),
                slow=True,
            )
            for call in (TOTAL, UNIQUE)
        ),
    ]


def _every_field(kind: Any) -> str:
    named: Any = get_named_type(kind)
    if not isinstance(named, GraphQLObjectType):
        return ""
    fields = (f"{name} {_every_field(field.type)}" for name, field in named.fields.items())
    return f"{{ {' '.join(fields)} }}"
