"""Demo events: their situations, numbers of tickets and times of sale."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import ceil
from typing import Literal

from demo.catalogue import KINDS, MOBILE_APPS, ORGANIZERS, EventKind
from demo.chance import LOCAL, Chance, Document, Rhythm


@dataclass(frozen=True)
class Situation:
    """The situation of an event. `filled` is issued / capacity, 0 for an event without tickets."""

    when: Literal["past", "upcoming", "undated"]
    filled: float
    capacity: Literal["positive", "zero", "missing"] = "positive"
    active: bool = True
    box_office: bool = False
    located: bool = True


@dataclass(frozen=True)
class Show:
    """An event, and the parameters of its sales.

    Sales end at `until`; tickets do not change after `closed`.
    """

    document: Document
    situation: Situation
    kind: EventKind
    date: datetime | None
    until: datetime
    closed: datetime
    sales: Rhythm
    tickets: int
    price_cents: int


OVERBOOKED = Situation("past", 1.04)
_FIRST_APP, _SECOND_APP = MOBILE_APPS[:1], MOBILE_APPS[1:]
# These lists are cycled in parallel; their lengths are coprime, so all combinations occur.
_APPS = (MOBILE_APPS, _FIRST_APP, _FIRST_APP, _SECOND_APP, MOBILE_APPS, (), _FIRST_APP)
# The smallest demo has one event of each.
SITUATIONS = (
    Situation("past", 0.72),
    Situation("upcoming", 0.55),
    Situation("past", 1),
    Situation("upcoming", 0),
    Situation("past", 0.8, capacity="missing"),
    Situation("upcoming", 1),
    Situation("past", 0.4, active=False),
    Situation("upcoming", 0.5, capacity="zero"),
    Situation("undated", 0.3),
    Situation("past", 0.85, box_office=True),
    Situation("upcoming", 0.2, located=False, active=False),
    Situation("past", 0.93),
)


def shows(chance: Chance, events: int, tickets: int, now: datetime) -> Iterator[Show]:
    """Yields `events` events, with about `tickets` tickets in total."""
    plans = [(SITUATIONS[n % len(SITUATIONS)], KINDS[n % len(KINDS)]) for n in range(events)]
    plans[len(SITUATIONS) - 1] = (OVERBOOKED, plans[len(SITUATIONS) - 1][1])
    weights = [
        kind.size * chance.uniform(0.6, 1.4) if situation.filled else 0 for situation, kind in plans
    ]
    unit = tickets / sum(weights)
    turns = dict.fromkeys(KINDS, 0)
    for number, ((situation, kind), weight) in enumerate(zip(plans, weights, strict=True)):
        yield _show(chance, number, turns[kind], situation, kind, ceil(weight * unit), now)
        turns[kind] += 1


def _show(
    chance: Chance,
    number: int,
    turn: int,
    situation: Situation,
    kind: EventKind,
    tickets: int,
    now: datetime,
) -> Show:
    capacity = _round(tickets / situation.filled) if situation.filled else 10 * kind.size
    issued = ceil(capacity * situation.filled) if situation.capacity == "positive" else tickets
    date = _date(chance, situation, kind, now)
    past = date if situation.when == "past" else None
    # Sales end before the doors open, so that no ticket is consumed before its payment.
    until = past - timedelta(hours=2) if past else now
    closed = past + timedelta(hours=6) if past else now
    sales = Rhythm(until, hours=24 * chance.randrange(20, 75), rush=5)
    session, which = divmod(turn, len(kind.titles))
    document: Document = {
        "_id": chance.object_id(until - timedelta(days=80)),
        "title": kind.titles[which] + (f" – {session + 1}ª sessão" if session else ""),
        "event_type": kind.event_type,
        "organizer_id": ORGANIZERS[number % 5 % len(ORGANIZERS)],
        "event_code": f"{kind.event_type[:3].upper()}-{number + 1:04}",
        "is_active": situation.active,
    }
    if date:
        document["event_date"] = date
    if situation.located:
        document["location"] = kind.venues[turn % len(kind.venues)]
    if situation.capacity != "missing":
        document["capacity"] = 0 if situation.capacity == "zero" else capacity
    if situation.box_office or number % 2:
        document["is_sale_box_office"] = situation.box_office
    if number % 5:
        document["tickets_issued"] = issued - issued // 20 if number % 4 == 3 else issued
    if apps := _APPS[number % len(_APPS)]:
        document["mobile_app_ids"] = list(apps)
    price = 100 * chance.choice(kind.reais)
    return Show(document, situation, kind, date, until, closed, sales, issued, price)


def _round(seats: float) -> int:
    return ceil(seats / 10) * 10 if seats >= 100 else ceil(seats)


def _date(chance: Chance, situation: Situation, kind: EventKind, now: datetime) -> datetime | None:
    hour, days = chance.choice(kind.hours), chance.random()
    match situation.when:
        case "past":
            step, distance = -1, 3 + int(days * 230)
        case "upcoming":
            step, distance = 1, 3 + int(days * 100)
        case "undated":
            return None
    day = (now + LOCAL).date() + timedelta(days=step * distance)
    while day.weekday() not in kind.weekdays:
        day += timedelta(days=step)
    return datetime.combine(day, time(hour), UTC) - LOCAL
