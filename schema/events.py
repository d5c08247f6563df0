"""`eventsOverview`, `eventStats` and `event`: the events dashboard."""

from datetime import datetime
from enum import Enum

import strawberry

from schema.enums import described


@strawberry.type(description="How many events there are of a type.")
class EventTypeCount:
    event_type: str = strawberry.field(description="The type's key; `unknown` for events without.")
    count: int = strawberry.field(description="How many events are of it.")


@strawberry.type(
    description="The dashboard's cards. Tickets count whether or not their event still exists; "
    "deleted ones do not. Money is in major units."
)
class EventsOverview:
    total_events: int = strawberry.field(description="All events.")
    active_events: int = strawberry.field(description="Events that are marked active.")
    upcoming_events: int = strawberry.field(description="Events whose date lies ahead.")
    past_events: int = strawberry.field(
        description="Events whose date has come. An event without a date is neither past nor ahead."
    )
    total_tickets_issued: int = strawberry.field(
        description="All tickets in the system: sold, by promo code and by admins."
    )
    total_tickets_sold: int = strawberry.field(description="Tickets that an order brought.")
    total_tickets_promo: int = strawberry.field(
        description="Tickets that a promo code brought, and no order."
    )
    total_tickets_admin: int = strawberry.field(
        description="Tickets with neither order nor promo code: made by an admin."
    )
    total_revenue: float = strawberry.field(description="The amount of all paid orders.")
    total_orders: int = strawberry.field(description="All paid orders.")
    events_by_type: list[EventTypeCount] = strawberry.field(
        description="Events by type, largest count first."
    )


@strawberry.type(
    description="Tickets by what has become of them. A ticket of any other status only counts "
    "as issued."
)
class TicketStatusCounts:
    available: int = strawberry.field(description="Not used yet.")
    consumed: int = strawberry.field(description="Used at the door.")
    expired: int = strawberry.field(description="No longer of use.")


@strawberry.type(
    description="An event and its KPIs, counted live over its tickets and orders. "
    "Deleted tickets do not count. Money is in major units."
)
class EventStats:
    event_id: strawberry.ID = strawberry.field(description="The event's ObjectId.")
    title: str = strawberry.field(description="Its title; empty if it has none.")
    event_type: str = strawberry.field(description="Its type's key; `unknown` if it has none.")
    event_date: datetime | None = strawberry.field(description="When it takes place.")
    location: str = strawberry.field(description="Where it takes place; empty if nobody said.")
    capacity: int = strawberry.field(description="How many tickets there may be; 0 = no limit.")
    is_active: bool = strawberry.field(description="Whether it is marked active.")
    is_sale_box_office: bool = strawberry.field(
        description="Whether tickets are sold at the box office, too."
    )
    tickets_issued: int = strawberry.field(
        description="Tickets of the event: sold + promo + admin."
    )
    tickets_sold: int = strawberry.field(description="Tickets that an order brought.")
    tickets_promo: int = strawberry.field(
        description="Tickets that a promo code brought, and no order."
    )
    tickets_admin: int = strawberry.field(
        description="Tickets with neither order nor promo code: made by an admin."
    )
    ticket_status: TicketStatusCounts = strawberry.field(description="The tickets by status.")
    revenue: float = strawberry.field(description="The amount of the event's paid orders.")
    orders_count: int = strawberry.field(description="The event's paid orders.")
    occupancy_pct: float = strawberry.field(
        description="ticketsIssued / capacity × 100 at 1 place; 0 without a capacity. May pass 100."
    )


@strawberry.type(description="A page of events.")
class EventStatsPage:
    total: int = strawberry.field(description="How many events match, on all pages together.")
    events: list[EventStats] = strawberry.field(description="The events of this page, in order.")


class EventOrderField(Enum):
    """The fields that events can be ordered by; the values are the fields' Python names."""

    EVENT_DATE = "event_date"
    TITLE = "title"
    TICKETS_ISSUED = "tickets_issued"
    TICKETS_SOLD = "tickets_sold"
    REVENUE = "revenue"
    ORDERS_COUNT = "orders_count"
    OCCUPANCY_PCT = "occupancy_pct"


described(
    EventOrderField,
    "What events can be ordered by.",
    {
        "EVENT_DATE": "When the event takes place; events without a date come last.",
        "TITLE": "The title, by code point: capitals before small letters, accents last.",
        "TICKETS_ISSUED": "Tickets of the event.",
        "TICKETS_SOLD": "Tickets that an order brought.",
        "REVENUE": "The amount of the event's paid orders.",
        "ORDERS_COUNT": "The event's paid orders.",
        "OCCUPANCY_PCT": "The occupancy as shown, at 1 place.",
    },
)


class OrderDirection(Enum):
    """Which end comes first."""

    ASC = "asc"
    DESC = "desc"


described(
    OrderDirection,
    "Which end comes first.",
    {
        "ASC": "The smallest, earliest or alphabetically first.",
        "DESC": "The largest, latest or alphabetically last.",
    },
)


@strawberry.input(
    description="An order over all matching events, not over a page. Ties are by id, ascending."
)
class EventOrder:
    field: EventOrderField = strawberry.field(description="What to order by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.DESC, description="Which end comes first."
    )
