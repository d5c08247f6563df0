"""Queries of every KPI: random arguments and selections, and the oracle's answers to them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from random import Random
from typing import Any, Final

from bson import ObjectId

from tests import oracle, oracle_behaviour
from tests.operations import every_field, fields_of, named, values_of
from tests.strategies_behaviour import ZONES

Data = Mapping[str, Sequence[Mapping[str, Any]]]
_Expected = Callable[[Data, datetime], Any]

# The answer says which time is the request's now.
_CLOCK: Final = "clock: dashboardStats { windowEnd }"
_EVENT_TYPES: Final = ("concert", "Concert", "unknown", "reserved")
_CODES: Final = (1, 3, 10, 100)


@dataclass(frozen=True)
class Query:
    """An operation with one root field, and the oracle's answer to it."""

    name: str
    text: str
    expected: _Expected
    variables: Mapping[str, Any] = field(default_factory=dict)

    def now(self, answer: Mapping[str, Any]) -> datetime:
        """The request's time, which the answer names."""
        return datetime.fromisoformat(answer["clock"]["windowEnd"])


ONE_COLLECTION: Final[Mapping[str, tuple[str, str, Sequence[str]]]] = {
    "ticket_orders": ("orderStats", "OrderStats", ("totalOrders", "byStatus", "totalRevenue")),
    "tickets": ("eventsOverview", "EventsOverview", ("totalTicketsIssued", "totalTicketsPromo")),
    "users": ("metrics", "Metrics", ("totalCustomers", "activeAdmins", "staffEmailVerified")),
    "promo_codes": ("promoCodeStats", "PromoCodeStats", ("totalPromoCodes", "activePromoCodes")),
    "analytics_events": ("dashboardStats", "DashboardStats", ("totalSales", "totalRevenue")),
}
"""Collection → (root field, its type, fields that one cube of the collection answers)."""


def of_one_collection(name: str) -> Query:
    """A query that only one cube answers, of one collection."""
    root, kind, fields = ONE_COLLECTION[name]
    names = {each: fields_of(kind)[each] for each in fields}
    return Query(
        root,
        f"{{ {root} {_selected(names)} {_CLOCK} }}",
        partial(_some_of, _TOTALS[root], [*fields]),
    )


def random_queries(chance: Random, data: Data) -> Iterator[Query]:
    """One query of each root field, in a random order."""
    made = [
        *(_of_totals(root, kind, chance) for root, kind in _KINDS.items()),
        _dashboard(chance),
        _metrics(chance),
        _event_stats(chance),
        _top_codes(chance),
        *([_event(chance, data)] if data["events"] else []),
    ]
    chance.shuffle(made)
    yield from made


_KINDS: Final = {
    "eventsOverview": "EventsOverview",
    "promoCodeStats": "PromoCodeStats",
    "orderStats": "OrderStats",
}


def _dashboard_totals(data: Data, now: datetime) -> Any:
    return oracle_behaviour.dashboard_stats(data, mode="TOTAL", timezone="UTC", now=now)


_TOTALS: Final[Mapping[str, _Expected]] = {
    "eventsOverview": lambda data, now: oracle.events_overview(data, now=now),
    "promoCodeStats": lambda data, _: oracle.promo_code_stats(data),
    "orderStats": lambda data, _: oracle.order_stats(data),
    "metrics": lambda data, _: oracle.metrics(data),
    "dashboardStats": _dashboard_totals,
}


def _of_totals(root: str, kind: str, chance: Random) -> Query:
    selection, names = _selection(kind, chance)
    text = f"{{ {root} {selection} {_CLOCK} }}"
    return Query(root, text, partial(_some_of, _TOTALS[root], names))


def _dashboard(chance: Random) -> Query:
    selection, names = _selection("DashboardStats", chance)
    variables = {"mode": chance.choice(["TOTAL", "UNIQUE"]), "timezone": chance.choice(ZONES)}

    def expected(data: Data, now: datetime) -> Any:
        return oracle_behaviour.dashboard_stats(data, now=now, **variables)

    return Query(
        "dashboardStats",
        "query ($mode: CountMode!, $timezone: String!) {"
        f" dashboardStats(mode: $mode, timezone: $timezone) {selection} {_CLOCK} }}",
        partial(_some_of, expected, names),
        variables,
    )


def _metrics(chance: Random) -> Query:
    selection, names = _selection("Metrics", chance)
    active_only = chance.random() < 0.5

    def expected(data: Data, _: datetime) -> Any:
        return oracle.metrics(data, active_only=active_only)

    return Query(
        "metrics",
        "query ($activeOnly: Boolean!) {"
        f" metrics(activeOnly: $activeOnly) {selection} {_CLOCK} }}",
        partial(_some_of, expected, names),
        {"activeOnly": active_only},
    )


def _event_stats(chance: Random) -> Query:
    selection, names = _selection("EventStats", chance)
    order = chance.choice([None, *values_of("EventOrderField")])
    arguments: dict[str, Any] = {
        "page": chance.choice([0, 0, 1]),
        "limit": chance.choice([3, 20, 500]),
        "event_type": chance.choice([None, None, *_EVENT_TYPES]),
        "active_only": chance.random() < 0.3,
        "order_by": order and (order, chance.choice(["ASC", "DESC"])),
    }
    given = arguments["order_by"]

    def expected(data: Data, _: datetime) -> Any:
        page = oracle.event_stats(data, **arguments)
        rows = [{name: row[name] for name in names} for row in page["events"]]
        return {"total": page["total"], "events": rows}

    return Query(
        "eventStats",
        "query ($page: Int!, $limit: Int!, $eventType: String, $activeOnly: Boolean!,"
        " $orderBy: EventOrder) { eventStats(page: $page, limit: $limit, eventType: $eventType,"
        f" activeOnly: $activeOnly, orderBy: $orderBy) {{ total events {selection} }} {_CLOCK} }}",
        expected,
        {
            "page": arguments["page"],
            "limit": arguments["limit"],
            "eventType": arguments["event_type"],
            "activeOnly": arguments["active_only"],
            "orderBy": given and {"field": given[0], "direction": given[1]},
        },
    )


def _top_codes(chance: Random) -> Query:
    first = chance.choice(_CODES)

    def expected(data: Data, _: datetime) -> Any:
        return {"topCodes": oracle.promo_code_stats(data, first=first)["topCodes"]}

    return Query(
        "promoCodeStats",
        "query ($first: Int!) { promoCodeStats { topCodes(first: $first)"
        f" {every_field('TopPromoCode')} }} {_CLOCK} }}",
        expected,
        {"first": first},
    )


def _event(chance: Random, data: Data) -> Query:
    chosen: ObjectId = chance.choice(data["events"])["_id"]
    selection, names = _selection("EventStats", chance)

    def expected(data: Data, _: datetime) -> Any:
        found = oracle.event(data, chosen)
        return found and {name: found[name] for name in names}

    return Query(
        "event",
        f"query ($id: ID!) {{ event(id: $id) {selection} {_CLOCK} }}",
        expected,
        {"id": str(chosen)},
    )


def _some_of(expected: _Expected, names: Sequence[str], data: Data, now: datetime) -> Any:
    whole = expected(data, now)
    return {name: whole[name] for name in names}


def _selection(kind: str, chance: Random) -> tuple[str, list[str]]:
    """(a selection of all fields of a type or of some, their names)."""
    fields = fields_of(kind)
    if chance.random() < 0.6:
        some = chance.sample([*fields], chance.randrange(1, min(5, len(fields)) + 1))
        fields = {name: fields[name] for name in some}
    return _selected(fields), [*fields]


def _selected(fields: Mapping[str, Any]) -> str:
    parts = (f"{name} {every_field(named(each.type))}" for name, each in fields.items())
    return "{ " + " ".join(parts) + " }"
