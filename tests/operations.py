"""Operations that select every field of a result, made from the committed SDL."""

from pathlib import Path
from typing import Final

from graphql import GraphQLEnumType, GraphQLFieldMap, GraphQLObjectType, build_schema

SDL: Final = (Path(__file__).parent.parent / "schema" / "schema.graphql").read_text()
SCHEMA: Final = build_schema(SDL)


def every_field(name: str) -> str:
    """A selection of every field of a type, at every depth."""
    kind = SCHEMA.type_map[name]
    if not isinstance(kind, GraphQLObjectType):
        return ""
    fields = (f"{key} {every_field(named(f.type))}" for key, f in kind.fields.items())
    return "{ " + " ".join(fields) + " }"


def fields_of(name: str) -> GraphQLFieldMap:
    """The fields of an object type."""
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    return dict(kind.fields)


def values_of(name: str) -> tuple[str, ...]:
    """The values of an enum."""
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLEnumType)
    return tuple(kind.values)


def named(kind: object) -> str:
    """The name of a type, without its wrappers."""
    return str(kind).strip("[]!")


EVENTS_OVERVIEW: Final = f"{{ eventsOverview {every_field('EventsOverview')} }}"
EVENT_STATS: Final = (
    "query ($page: Int!, $limit: Int!, $eventType: String, $activeOnly: Boolean!,"
    " $orderBy: EventOrder) { eventStats(page: $page, limit: $limit, eventType: $eventType,"
    f" activeOnly: $activeOnly, orderBy: $orderBy) {every_field('EventStatsPage')} }}"
)
EVENT: Final = f"query ($id: ID!) {{ event(id: $id) {every_field('EventStats')} }}"
PROMO_CODE_STATS: Final = f"{{ promoCodeStats {every_field('PromoCodeStats')} }}"
ORDER_STATS: Final = f"{{ orderStats {every_field('OrderStats')} }}"
METRICS: Final = (
    f"query ($activeOnly: Boolean!) {{ metrics(activeOnly: $activeOnly) {every_field('Metrics')} }}"
)
DASHBOARD_STATS: Final = (
    "query ($mode: CountMode!, $timezone: String!) {"
    f" dashboardStats(mode: $mode, timezone: $timezone) {every_field('DashboardStats')} }}"
)
