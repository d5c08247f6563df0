"""The cube and the tables of `events`."""

from typing import Final

from cubes.cube import Cube
from cubes.expressions import UNKNOWN, date, flag, integer, text
from cubes.rows import Table
from documents.event import Event

_DATE = date("$event_date")
_DATED = {"$ne": [_DATE, None]}

EVENT_ROWS: Final = Table(
    source=Event,
    columns={
        "title": text("$title", ""),
        "event_type": text("$event_type", UNKNOWN),
        "event_date": _DATE,
        "location": text("$location", ""),
        "capacity": {"$max": [integer("$capacity"), 0]},
        "is_active": flag("$is_active"),
        "is_sale_box_office": flag("$is_sale_box_office"),
    },
)

EVENTS_AS_STORED: Final = Table(
    source=Event,
    columns={
        name: f"${name}"
        for name in ("title", "event_code", "event_date", "organizer_id", "mobile_app_ids")
    },
)

EVENTS: Final = Cube(
    name="events",
    source=Event,
    dimensions={
        "event_type": EVENT_ROWS.columns["event_type"],
        "is_active": EVENT_ROWS.columns["is_active"],
    },
    parameters=frozenset({"now"}),
    measures={
        "events": 1,
        "upcoming": {"$cond": [{"$and": [_DATED, {"$gt": [_DATE, "$$now"]}]}, 1, 0]},
        "past": {"$cond": [{"$and": [_DATED, {"$lte": [_DATE, "$$now"]}]}, 1, 0]},
    },
)
