"""`dashboardStats`: what visitors of the shop did."""

import datetime

import strawberry

from resolvers.dashboard.values import CountMode
from schema.enums import described

described(
    CountMode,
    "What the funnel and the products are counts of.",
    {
        "TOTAL": "Every occurrence of an event; of purchases of a product, the units.",
        "UNIQUE": "The sessions that have such an event, each once.",
    },
)


@strawberry.type(description="How many there are of a product.")
class ProductCount:
    slug: str = strawberry.field(description="The product's key in the shop's addresses.")
    count: int = strawberry.field(description="How many: units, or views.")


@strawberry.type(description="How many there were on a day.")
class DayCount:
    date: datetime.date = strawberry.field(description="A day of the time zone asked for.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="A day's events, each occurrence counted. The days sum to the week.")
class EventsTimelineDay:
    date: datetime.date = strawberry.field(
        description="A day of the time zone asked for; the first and the last are partial."
    )
    product_view: int = strawberry.field(description="Events of type `product_view`.")
    add_to_cart: int = strawberry.field(description="Events of type `add_to_cart`.")
    begin_checkout: int = strawberry.field(description="Events of type `begin_checkout`.")
    purchase: int = strawberry.field(description="Events of type `purchase`.")
    checkout_started: int = strawberry.field(description="Events of type `checkout_started`.")
    payment_info_entered: int = strawberry.field(
        description="Events of type `payment_info_entered`."
    )
    order_completed: int = strawberry.field(description="Events of type `order_completed`.")


@strawberry.type(
    description="The steps to a purchase: occurrences, or in mode UNIQUE sessions that took them."
)
class FunnelCounts:
    product_view: int = strawberry.field(description="With events of type `product_view`.")
    add_to_cart: int = strawberry.field(description="With events of type `add_to_cart`.")
    begin_checkout: int = strawberry.field(description="With events of type `begin_checkout`.")
    purchase: int = strawberry.field(description="With events of type `purchase`.")


@strawberry.type(
    description="Percentages of the step before, at 1 place, of eventCounts: they follow the mode."
)
class ConversionRates:
    visit_to_cart: float = strawberry.field(
        description="addToCart / productView × 100; 0 without any."
    )
    cart_to_checkout: float = strawberry.field(
        description="beginCheckout / addToCart × 100; 0 without any."
    )
    checkout_to_purchase: float = strawberry.field(
        description="purchase / beginCheckout × 100; 0 without any."
    )


@strawberry.type(description="Errors of the week, each occurrence counted.")
class ErrorCounts:
    payment_error: int = strawberry.field(description="Events of type `payment_error`.")
    checkout_error: int = strawberry.field(description="Events of type `checkout_error`.")
    payment_confirmation_error: int = strawberry.field(
        description="Events of type `payment_confirmation_error`."
    )


@strawberry.type(description="A product from its views to its purchases.")
class ProductPerformance:
    slug: str = strawberry.field(description="The product's key in the shop's addresses.")
    name: str = strawberry.field(
        description="Its name in the catalogue, else in its newest event of the week, else its "
        "slug."
    )
    views: int = strawberry.field(description="Views, or in mode UNIQUE sessions that viewed it.")
    add_to_cart: int = strawberry.field(
        description="Times that it was put into a cart, or in mode UNIQUE sessions that did."
    )
    purchases: int = strawberry.field(
        description="Units bought, or in mode UNIQUE sessions that bought it."
    )
    purchases_units: int | None = strawberry.field(
        description="Units bought; only in mode UNIQUE, where purchases counts sessions."
    )
    conversion_rate: float = strawberry.field(
        description="purchases / views × 100 at 1 place; 0 without views."
    )


@strawberry.type(description="A day's errors, each occurrence counted. The days sum to the week.")
class ErrorsTimelineDay:
    date: datetime.date = strawberry.field(
        description="A day of the time zone asked for; the first and the last are partial."
    )
    payment_error: int = strawberry.field(description="Events of type `payment_error`.")
    checkout_error: int = strawberry.field(description="Events of type `checkout_error`.")
    payment_confirmation_error: int = strawberry.field(
        description="Events of type `payment_confirmation_error`."
    )
    address_error: int = strawberry.field(description="Events of type `address_error`.")


@strawberry.type(description="The week's sessions.")
class SessionStats:
    unique_sessions: int = strawberry.field(description="Sessions that have an event of any type.")
    avg_events_per_session: float = strawberry.field(
        description="Events that have a session / uniqueSessions, at 1 place."
    )
    sessions_with_purchase: int = strawberry.field(description="Sessions that have a purchase.")


@strawberry.type(
    description="Users that bought in the last 90 days of 24 hours, and those that bought again."
)
class RetentionMetrics:
    repurchase_rate: float = strawberry.field(
        description="recurrentCustomers / totalUniqueBuyers × 100 at 1 place; 0 without buyers."
    )
    recurrent_customers: int = strawberry.field(description="Users with two purchases or more.")
    total_unique_buyers: int = strawberry.field(description="Users with a purchase.")
    period_days: int = strawberry.field(description="How many days these numbers cover: 90.")


@strawberry.type(description="How many sessions came from a source.")
class TrafficSource:
    source: str = strawberry.field(
        description="The last source of the session other than `direct`, if it had any."
    )
    sessions: int = strawberry.field(description="How many; all sources sum to uniqueSessions.")


@strawberry.type(
    description="What visitors of the shop did in a week. Money is in major units. The mode "
    "changes eventCounts, conversionRates, topViewedProducts and productPerformance only; all "
    "else is the same in both."
)
class DashboardStats:
    mode: CountMode = strawberry.field(description="What was asked for.")
    window_start: datetime.datetime = strawberry.field(
        description="The numbers are of the events from here on."
    )
    window_end: datetime.datetime = strawberry.field(
        description="And up to here, both moments included: when the request came."
    )
    total_sales: int = strawberry.field(description="Purchases.")
    total_revenue: float = strawberry.field(
        description="Price × quantity of all purchases; what is no number counts as price 0, "
        "quantity 1."
    )
    average_order_value: float = strawberry.field(
        description="totalRevenue / totalSales at 2 places; 0 without sales."
    )
    top_products: list[ProductCount] = strawberry.field(
        description="The 5 products of which the most units were bought."
    )
    top_viewed_products: list[ProductCount] = strawberry.field(
        description="The 5 products with the most views, or in mode UNIQUE sessions that viewed "
        "them."
    )
    sales_by_day: list[DayCount] = strawberry.field(
        description="Purchases by day, of the days that have any."
    )
    events_timeline: list[EventsTimelineDay] = strawberry.field(
        description="Each day of the week with its events."
    )
    abandonment_rate: float = strawberry.field(
        description="Of the persons that began a checkout, the percentage that did not buy. A "
        "person is a user, or a session without one."
    )
    event_counts: FunnelCounts = strawberry.field(description="The steps to a purchase.")
    conversion_rates: ConversionRates = strawberry.field(
        description="How many went from each step to the next."
    )
    checkout_started_count: int = strawberry.field(description="Events of type `checkout_started`.")
    payment_info_entered_count: int = strawberry.field(
        description="Events of type `payment_info_entered`."
    )
    order_completed_count: int = strawberry.field(description="Events of type `order_completed`.")
    conversion_checkout_to_payment: float = strawberry.field(
        description="paymentInfoEnteredCount / checkoutStartedCount × 100 at 1 place; 0 without "
        "any."
    )
    conversion_payment_to_order: float = strawberry.field(
        description="orderCompletedCount / paymentInfoEnteredCount × 100 at 1 place; 0 without any."
    )
    error_counts: ErrorCounts = strawberry.field(description="Errors by type.")
    product_performance: list[ProductPerformance] = strawberry.field(
        description="The 10 products with the most views, as the mode counts them."
    )
    errors_timeline: list[ErrorsTimelineDay] = strawberry.field(
        description="Each day of the week with its errors."
    )
    session_stats: SessionStats = strawberry.field(description="Sessions, and what they hold.")
    retention_metrics: RetentionMetrics = strawberry.field(description="Who bought again.")
    traffic_sources: list[TrafficSource] = strawberry.field(
        description="Sessions by where they last came from, most sessions first."
    )
    whatsapp_sessions: int = strawberry.field(
        description="Sessions that clicked to buy by WhatsApp."
    )
    whatsapp_purchases: int = strawberry.field(description="Sessions that bought by WhatsApp.")
    whatsapp_sessions_list: list[str] = strawberry.field(
        description="The 10 sessions that clicked to buy by WhatsApp last, newest first."
    )
