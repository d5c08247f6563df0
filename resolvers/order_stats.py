"""OrderStats: all orders, whatever their status (events-dashboard, section 4)."""

from cubes.cube import Cells
from cubes.declared.orders import ORDERS
from resolvers.breakdown import KeyAmount, amounts
from resolvers.kpi import Stats, kpi
from resolvers.rounding import count, money, ratio


class OrderStats(Stats):
    """KPIs of all orders; amounts in major units."""

    @kpi(ORDERS.slice(measures=["orders"]))
    def total_orders(self, cells: Cells) -> int:
        return count(cells.sum("orders"))

    @kpi(ORDERS.slice(measures=["amount_cents"]))
    def total_revenue(self, cells: Cells) -> float:
        return money(cells.sum("amount_cents"))

    @kpi(ORDERS.slice(measures=["paid_cents"]))
    def confirmed_revenue(self, cells: Cells) -> float:
        return money(cells.sum("paid_cents"))

    @kpi(ORDERS.slice("status", measures=["orders", "amount_cents"]))
    def by_status(self, cells: Cells) -> list[KeyAmount]:
        return amounts(cells, "status")

    @kpi(ORDERS.slice("gateway", measures=["orders", "amount_cents"]))
    def by_gateway(self, cells: Cells) -> list[KeyAmount]:
        return amounts(cells, "gateway")

    @kpi(ORDERS.slice("method", measures=["orders", "amount_cents"]))
    def by_payment_method(self, cells: Cells) -> list[KeyAmount]:
        return amounts(cells, "method")

    @kpi(ORDERS.slice(measures=["orders", "amount_cents"]))
    def avg_order_value(self, cells: Cells) -> float:
        """totalRevenue / totalOrders, at 2 places."""
        return ratio(cells.sum("amount_cents"), 100 * cells.sum("orders"), places=2)

    @kpi(ORDERS.slice(measures=["orders", "tickets"]))
    def avg_tickets_per_order(self, cells: Cells) -> float:
        """Σ ticket_count / totalOrders, at 2 places."""
        return ratio(cells.sum("tickets"), cells.sum("orders"), places=2)
