"""`orderStats`: KPIs of all orders."""

from typing import Final

from cubes.cells import Cells
from cubes.declared.orders import ORDERS
from resolvers.breakdown import OrderBreakdown, amounts
from resolvers.kpi.declarations import fold, kpi
from resolvers.kpi.stats import Stats
from resolvers.kpi.terms import total
from resolvers.kpi.units import COUNT, MONEY, decimal

_BREAKDOWN: Final = ("orders", "amount_cents")
_ORDERS: Final = total(ORDERS, "orders")
_AMOUNT: Final = total(ORDERS, "amount_cents")


class OrderStats(Stats):
    """KPIs of all orders, whatever their status. Money is in major units."""

    total_orders = kpi(COUNT, "All orders.", _ORDERS)
    total_revenue = kpi(MONEY, "The amount of all orders, of any status.", _AMOUNT)
    confirmed_revenue = kpi(
        MONEY,
        "The amount of paid orders: the revenue that eventsOverview shows. Paid are the statuses "
        "`CONFIRMED` and `RECEIVED` (Asaas) and `succeeded` (Stripe), compared exactly.",
        total(ORDERS, "paid_cents"),
    )

    @fold(ORDERS.slice("status", measures=_BREAKDOWN))
    def by_status(self, orders: Cells) -> list[OrderBreakdown]:
        """Orders by payment status, in the gateway's own word; most orders first."""
        return amounts(orders, "status")

    @fold(ORDERS.slice("gateway", measures=_BREAKDOWN))
    def by_gateway(self, orders: Cells) -> list[OrderBreakdown]:
        """Orders by payment gateway, most orders first."""
        return amounts(orders, "gateway")

    @fold(ORDERS.slice("method", measures=_BREAKDOWN))
    def by_payment_method(self, orders: Cells) -> list[OrderBreakdown]:
        """Orders by payment method, most orders first; orders without one are in `unknown`."""
        return amounts(orders, "method")

    avg_order_value = kpi(MONEY, "totalRevenue / totalOrders; 0 without orders.", _AMOUNT / _ORDERS)
    avg_tickets_per_order = kpi(
        decimal(2),
        "The orders' tickets / totalOrders; 0 without orders.",
        total(ORDERS, "tickets") / _ORDERS,
    )
