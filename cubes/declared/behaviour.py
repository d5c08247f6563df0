"""The cubes of `analytics_events`: events, sessions, persons, buyers and products."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cubes.cube import Cube
from cubes.distinct import DistinctCube
from cubes.expressions import integer, is_date, is_text, price, summand
from documents.analytics_event import AnalyticsEvent

_DATED = is_date("$created_at")
_TYPED = is_text("$event_type")
_PERSON = {"$cond": [is_text("$user_id"), "$user_id", "$session_id"]}
_QUANTITY = integer("$metadata.quantity", absent=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_GUARDS: Final = frozenset({"created_at", "event_type"})
# A text: MongoDB's slot-based engine groups values of the type JavaScript as if they were texts.
_TEXT: Final[Mapping[str, Any]] = {"$gt": ""}

BEHAVIOUR: Final = Cube(
    name="behaviour",
    source=AnalyticsEvent,
    where=_DATED,
    array_guards=frozenset({"created_at"}),
    # The field itself, so that an index answers. KPIs ignore cells whose type is no text.
    dimensions={"event_type": "$event_type"},
    measures={"events": 1},
    # A day of any time zone begins at a quarter of an hour.
    granularities=[timedelta(minutes=15), _HOUR],
    selective="event_type",
)
"""Events by type. Slices name the types that they count."""

PRODUCT_EVENTS: Final = ("product_view", "add_to_cart", "purchase")
"""The types of events that are about a product."""

PRODUCT_ACTIVITY: Final = Cube(
    name="product activity",
    source=AnalyticsEvent,
    match={"event_type": {"$in": list(PRODUCT_EVENTS)}},
    where=_DATED,
    array_guards=frozenset({"created_at"}),
    dimensions={"event_type": "$event_type", "product": "$product_slug"},
    measures={"events": 1},
    granularities=[_HOUR, _DAY],
)
"""Events about products. KPIs ignore cells whose type or product is no text."""

PURCHASES: Final = Cube(
    name="purchases",
    source=AnalyticsEvent,
    match={"event_type": "purchase"},
    where={"$and": [_DATED, _TYPED]},
    array_guards=_GUARDS,
    dimensions={"product": "$product_slug"},
    measures={
        "purchases": 1,
        "units": summand(_QUANTITY),
        "revenue": {"$multiply": [price("$price"), _QUANTITY]},
    },
    rollup_levels=[frozenset({"product"}), frozenset()],
    granularities=[_HOUR, _DAY],
)
"""Events of type purchase; revenue in major units."""

SESSIONS: Final = DistinctCube(
    name="sessions",
    source=AnalyticsEvent,
    where=_DATED,
    array_guards=frozenset({"created_at"}),
    # An expression with `$type` runs in MongoDB 6.0's classic engine, which spills groups to disk
    # twice as fast as the slot-based engine, which would run the bare field.
    individual={"$cond": [is_text("$session_id"), "$session_id", None]},
    traits={"events": {"$sum": 1}},
    dimensions={},
    measures={"sessions": 1, "events": "$events"},
)
"""Sessions, and the number of their events of any type."""


def _sessions_with(event_type: str) -> DistinctCube:
    return DistinctCube(
        name=f"sessions with {event_type}",
        source=AnalyticsEvent,
        match={"event_type": event_type, "session_id": _TEXT},
        where={"$and": [_DATED, _TYPED]},
        array_guards=_GUARDS,
        individual="$session_id",
        dimensions={},
        measures={"sessions": 1},
    )


SESSIONS_WITH: Final[Mapping[str, DistinctCube]] = {
    event_type: _sessions_with(event_type)
    for event_type in (
        "product_view",
        "add_to_cart",
        "begin_checkout",
        "purchase",
        "whatsapp_cart_click",
        "whatsapp_purchase",
    )
}
"""Event type → sessions with an event of the type. One type at a time needs the least memory."""

TRAFFIC: Final = DistinctCube(
    name="traffic",
    source=AnalyticsEvent,
    match={"source": {"$gt": "", "$ne": "direct"}, "session_id": _TEXT},
    where={"$and": [_DATED, is_text("$source")]},
    array_guards=frozenset({"created_at", "source"}),
    ordered=True,
    individual="$session_id",
    traits={"source": {"$last": "$source"}},
    dimensions={"source": "$source"},
    measures={"sessions": 1},
)
"""Sessions with a source other than `direct`, by their last such source."""

CLICKERS: Final = DistinctCube(
    name="WhatsApp clickers",
    source=AnalyticsEvent,
    match={"event_type": "whatsapp_cart_click", "session_id": _TEXT},
    where={"$and": [_DATED, _TYPED]},
    array_guards=_GUARDS,
    individual="$session_id",
    traits={"last": {"$max": "$created_at"}},
    dimensions={"session": "$_id", "last": "$last"},
    measures={"sessions": 1},
)
"""Sessions that clicked to buy by WhatsApp, and the time of their last click."""

PERSONS: Final = DistinctCube(
    name="persons at the checkout",
    source=AnalyticsEvent,
    match={"event_type": {"$in": ["begin_checkout", "purchase"]}},
    where={"$and": [_DATED, _TYPED]},
    array_guards=_GUARDS,
    individual=_PERSON,
    traits={"did": {"$addToSet": "$event_type"}},
    dimensions={
        "began": {"$in": ["begin_checkout", "$did"]},
        "bought": {"$in": ["purchase", "$did"]},
    },
    measures={"persons": 1},
)
"""Persons (users, or sessions without a user) that began a checkout or bought, in any order."""

BUYERS: Final = DistinctCube(
    name="buyers",
    source=AnalyticsEvent,
    match={"event_type": "purchase", "user_id": _TEXT},
    where={"$and": [_DATED, _TYPED]},
    array_guards=_GUARDS,
    individual="$user_id",
    traits={"purchases": {"$sum": 1}},
    dimensions={"recurrent": {"$gte": ["$purchases", 2]}},
    measures={"buyers": 1},
)
"""Users that bought; `recurrent` ones bought at least twice."""

PRODUCT_SESSIONS: Final = DistinctCube(
    name="sessions of products",
    source=AnalyticsEvent,
    match={"event_type": {"$in": list(PRODUCT_EVENTS)}, "session_id": _TEXT},
    where={"$and": [_DATED, _TYPED]},
    array_guards=_GUARDS,
    individual={
        "event_type": "$event_type",
        "product": "$product_slug",
        "session": "$session_id",
    },
    counts=is_text("$_id.session"),
    dimensions={"event_type": "$_id.event_type", "product": "$_id.product"},
    measures={"sessions": 1},
)
"""Sessions by product and type of event: each counts once for each pair."""

PRODUCT_NAMES: Final = DistinctCube(
    name="names of products",
    source=AnalyticsEvent,
    match={"product_name": {"$gt": ""}},
    where={"$and": [_DATED, is_text("$product_name")]},
    ordered=True,
    individual={"product": "$product_slug"},
    counts=is_text("$_id.product"),
    traits={"name": {"$last": "$product_name"}},
    dimensions={"product": "$_id.product", "name": "$name"},
    measures={"products": 1},
)
"""Products of events, by the name in their newest event."""

EACH_INDEX: Final = {
    "event_type": "",
    "product_slug": "",
    "created_at": {"$gte": datetime(9999, 1, 1, tzinfo=UTC)},
}
"""A filter that matches no event and that each index can serve: `explain` of it shows them all."""
