"""`eventsOverview`: the cards of the events dashboard."""

from typing import Final

from cubes.cells import Cells
from cubes.declared.events import EVENTS
from cubes.declared.orders import ORDERS
from cubes.declared.tickets import TICKETS
from resolvers.breakdown import counts
from resolvers.kpi.declarations import fold, kpi
from resolvers.kpi.rounding import count
from resolvers.kpi.stats import Stats
from resolvers.kpi.terms import total
from resolvers.kpi.units import COUNT, MONEY, TEXT
from resolvers.kpi.values import described, value

SOLD: Final = "Tickets with an order."
PROMO: Final = "Tickets with a promo code and no order."
ADMIN: Final = "Tickets with neither order nor promo code: an admin made them."


@value
class EventTypeCount:
    """The number of events of a type."""

    event_type: str = described("The type's key; `unknown` for events without a type.", TEXT)
    count: int = described("The number of events.", COUNT)


class EventsOverview(Stats):
    """The cards of the events dashboard.

    Tickets count whether or not their event still exists; deleted tickets do not count. Money is
    in major units.
    """

    total_events = kpi(COUNT, "All events.", total(EVENTS, "events"))
    active_events = kpi(
        COUNT, "Events that are marked active.", total(EVENTS, "events", is_active=True)
    )
    upcoming_events = kpi(COUNT, "Events whose date lies ahead.", total(EVENTS, "upcoming"))
    past_events = kpi(
        COUNT,
        "Events whose date has come. Events without a date are neither past nor upcoming.",
        total(EVENTS, "past"),
    )
    total_tickets_issued = kpi(
        COUNT, "All tickets: sold + promo + admin.", total(TICKETS, "tickets")
    )
    total_tickets_sold = kpi(COUNT, SOLD, total(TICKETS, "sold"))
    total_tickets_promo = kpi(COUNT, PROMO, total(TICKETS, "promo"))
    total_tickets_admin = kpi(COUNT, ADMIN, total(TICKETS, "admin"))
    total_revenue = kpi(MONEY, "The amount of all paid orders.", total(ORDERS, "paid_cents"))
    total_orders = kpi(COUNT, "All paid orders.", total(ORDERS, "paid_orders"))

    @fold(EVENTS.slice("event_type", measures=["events"]))
    def events_by_type(self, events: Cells) -> list[EventTypeCount]:
        """Events by type, most events first."""
        return [EventTypeCount(key, count(n)) for key, n in counts(events, "event_type", "events")]
