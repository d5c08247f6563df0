"""`orderStats`: KPIs of all orders."""

import strawberry


@strawberry.type(
    description="A part of the orders. The parts of a breakdown sum to its total; "
    "orders without a readable key are in `unknown`."
)
class OrderBreakdown:
    key: str = strawberry.field(description="What these orders have in common.")
    count: int = strawberry.field(description="How many orders there are.")
    total_amount: float = strawberry.field(description="Their amount, in major units.")


@strawberry.type(description="KPIs of all orders, whatever their status. Money is in major units.")
class OrderStats:
    total_orders: int = strawberry.field(description="All orders.")
    total_revenue: float = strawberry.field(description="All statuses.")
    confirmed_revenue: float = strawberry.field(
        description="Paid statuses only: the revenue that eventsOverview shows. Paid are "
        "`CONFIRMED` and `RECEIVED` (Asaas) and `succeeded` (Stripe), written exactly so."
    )
    by_status: list[OrderBreakdown] = strawberry.field(
        description="By the gateway's own word for the payment's status, most orders first."
    )
    by_gateway: list[OrderBreakdown] = strawberry.field(
        description="By payment gateway, most orders first."
    )
    by_payment_method: list[OrderBreakdown] = strawberry.field(
        description="By payment method, most orders first; old orders have none: `unknown`."
    )
    avg_order_value: float = strawberry.field(
        description="totalRevenue / totalOrders; 0 without orders."
    )
    avg_tickets_per_order: float = strawberry.field(
        description="Tickets per order, at 2 places; 0 without orders."
    )
