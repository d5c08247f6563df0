"""EventsOverview: the events dashboard's cards (events-dashboard, section 1)."""

from dataclasses import dataclass

from cubes.cube import Cells
from cubes.declared.events import EVENTS
from cubes.declared.orders import ORDERS
from cubes.declared.tickets import TICKETS
from resolvers.breakdown import counts
from resolvers.kpi import Stats, kpi
from resolvers.rounding import count, money


@dataclass(frozen=True, slots=True)
class EventTypeCount:
    """How many events there are of a type."""

    event_type: str
    count: int


class EventsOverview(Stats):
    """KPIs over all events, all tickets in the system, and all paid orders."""

    @kpi(EVENTS.slice(measures=["events"]))
    def total_events(self, cells: Cells) -> int:
        return count(cells.sum("events"))

    @kpi(EVENTS.slice("is_active", measures=["events"]))
    def active_events(self, cells: Cells) -> int:
        return count(cells.sum("events", is_active={True}))

    @kpi(EVENTS.slice(measures=["upcoming"]))
    def upcoming_events(self, cells: Cells) -> int:
        return count(cells.sum("upcoming"))

    @kpi(EVENTS.slice(measures=["past"]))
    def past_events(self, cells: Cells) -> int:
        return count(cells.sum("past"))

    @kpi(EVENTS.slice("event_type", measures=["events"]))
    def events_by_type(self, cells: Cells) -> list[EventTypeCount]:
        return [EventTypeCount(key, count(n)) for key, n in counts(cells, "event_type", "events")]

    @kpi(TICKETS.slice(measures=["tickets"]))
    def total_tickets_issued(self, cells: Cells) -> int:
        return count(cells.sum("tickets"))

    @kpi(TICKETS.slice(measures=["sold"]))
    def total_tickets_sold(self, cells: Cells) -> int:
        return count(cells.sum("sold"))

    @kpi(TICKETS.slice(measures=["promo"]))
    def total_tickets_promo(self, cells: Cells) -> int:
        return count(cells.sum("promo"))

    @kpi(TICKETS.slice(measures=["admin"]))
    def total_tickets_admin(self, cells: Cells) -> int:
        return count(cells.sum("admin"))

    @kpi(ORDERS.slice(measures=["paid_cents"]))
    def total_revenue(self, cells: Cells) -> float:
        return money(cells.sum("paid_cents"))

    @kpi(ORDERS.slice(measures=["paid_orders"]))
    def total_orders(self, cells: Cells) -> int:
        return count(cells.sum("paid_orders"))
