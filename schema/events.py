"""The order of `eventStats`: an enum of the sortable KPIs, and a direction."""

from enum import Enum
from typing import Any, cast

import strawberry

from resolvers.event_stats import NEWEST_FIRST, EventStats
from resolvers.kpi.declarations import kpis_of
from schema.enums import described

# The default order comes first.
_SORTABLE = {
    each.name.upper(): each
    for each in sorted(kpis_of(EventStats), key=lambda each: each.name != NEWEST_FIRST.column)
    if each.sortable
}

# `Enum`'s functional form needs a literal to type-check; these members are declared elsewhere.
EventOrderField: Any = cast("Any", Enum)(
    "EventOrderField", {name: each.name for name, each in _SORTABLE.items()}
)

described(
    EventOrderField,
    "A field that events can be ordered by, as its values are shown. Events without a date come "
    "last, in either direction; texts are compared by code point.",
    {name: each.description for name, each in _SORTABLE.items()},
)


class OrderDirection(Enum):
    """Which end comes first."""

    ASC = "asc"
    DESC = "desc"


described(
    OrderDirection,
    "The end that comes first.",
    {
        "ASC": "The smallest, earliest or alphabetically first.",
        "DESC": "The largest, latest or alphabetically last.",
    },
)


@strawberry.input(
    description="An order over all matching events, not over a page. Ties are by id, ascending."
)
class EventOrder:
    field: Any = strawberry.field(graphql_type=EventOrderField, description="The field.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.DESC, description="The end that comes first."
    )
