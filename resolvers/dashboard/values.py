"""The values of `dashboardStats`: days, steps of the funnel, rates, sources and products."""

import datetime
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from resolvers.kpi.rounding import count
from resolvers.kpi.units import COUNT, DATE, PERCENTAGE, TEXT, decimal
from resolvers.kpi.values import described, value

_Row = TypeVar("_Row")


class CountMode(Enum):
    """The unit in which the funnel and the products are counted."""

    TOTAL = "total"
    UNIQUE = "unique"


def _events(event_type: str) -> Any:
    return described(f"Events of type `{event_type}`.", COUNT)


@value
class ProductCount:
    """The count of a product."""

    slug: str = described("The product's key in the shop's addresses.", TEXT)
    count: int = described("Units, views, or sessions that viewed the product.", COUNT)


@value
class DayCount:
    """The count of a day."""

    date: datetime.date = described("A day of the time zone of the request.", DATE)
    count: int = described("Purchases of the day.", COUNT)


@value
class EventsTimelineDay:
    """A day's events, each occurrence counted. The days sum to the window's totals."""

    date: datetime.date = described(
        "A day of the time zone of the request; the first and the last are partial.", DATE
    )
    product_view: int = _events("product_view")
    add_to_cart: int = _events("add_to_cart")
    begin_checkout: int = _events("begin_checkout")
    purchase: int = _events("purchase")
    checkout_started: int = _events("checkout_started")
    payment_info_entered: int = _events("payment_info_entered")
    order_completed: int = _events("order_completed")


@value
class ErrorsTimelineDay:
    """A day's errors, each occurrence counted. The days sum to the window's totals."""

    date: datetime.date = described(
        "A day of the time zone of the request; the first and the last are partial.", DATE
    )
    payment_error: int = _events("payment_error")
    checkout_error: int = _events("checkout_error")
    payment_confirmation_error: int = _events("payment_confirmation_error")
    address_error: int = _events("address_error")


@value
class FunnelCounts:
    """The steps to a purchase: occurrences, or in mode UNIQUE the sessions that took the step."""

    product_view: int = _events("product_view")
    add_to_cart: int = _events("add_to_cart")
    begin_checkout: int = _events("begin_checkout")
    purchase: int = _events("purchase")


@value
class ConversionRates:
    """Percentages of the step before, of eventCounts: they follow the mode."""

    visit_to_cart: float = described("addToCart / productView × 100; 0 without any.", PERCENTAGE)
    cart_to_checkout: float = described(
        "beginCheckout / addToCart × 100; 0 without any.", PERCENTAGE
    )
    checkout_to_purchase: float = described(
        "purchase / beginCheckout × 100; 0 without any.", PERCENTAGE
    )


@value
class ErrorCounts:
    """The window's errors, each occurrence counted."""

    payment_error: int = _events("payment_error")
    checkout_error: int = _events("checkout_error")
    payment_confirmation_error: int = _events("payment_confirmation_error")


@value
class ProductPerformance:
    """A product from its views to its purchases."""

    slug: str = described("The product's key in the shop's addresses.", TEXT)
    name: str = described(
        "The name in the catalogue, else in the product's newest event of the window, else the "
        "slug.",
        TEXT,
    )
    views: int = described("Views, or in mode UNIQUE sessions that viewed it.", COUNT)
    add_to_cart: int = described(
        "Times that it was put into a cart, or in mode UNIQUE sessions that did so.", COUNT
    )
    purchases: int = described("Units bought, or in mode UNIQUE sessions that bought it.", COUNT)
    purchases_units: int | None = described(
        "Units bought; only in mode UNIQUE, where purchases counts sessions.", COUNT
    )
    conversion_rate: float = described("purchases / views × 100; 0 without views.", PERCENTAGE)


@value
class SessionStats:
    """The window's sessions."""

    unique_sessions: int = described("Sessions with an event of any type.", COUNT)
    avg_events_per_session: float = described(
        "Events that have a session / uniqueSessions.", decimal(1)
    )
    sessions_with_purchase: int = described("Sessions with a purchase.", COUNT)


@value
class RetentionMetrics:
    """Users that bought in the last 90 days of 24 hours, and those that bought again."""

    repurchase_rate: float = described(
        "recurrentCustomers / totalUniqueBuyers × 100; 0 without buyers.", PERCENTAGE
    )
    recurrent_customers: int = described("Users with two purchases or more.", COUNT)
    total_unique_buyers: int = described("Users with a purchase.", COUNT)
    period_days: int = described("The number of days that are covered: 90.", COUNT)


@value
class TrafficSource:
    """The sessions of a source."""

    source: str = described("The session's last source other than `direct`, if any.", TEXT)
    sessions: int = described("The number of sessions; all sources sum to uniqueSessions.", COUNT)


def event_types(row: type) -> tuple[str, ...]:
    """The types of events that a row's fields are named by."""
    return tuple(name for name in row.__annotations__ if name != "date")


def row(kind: type[_Row], numbers: Mapping[str, int], **others: Any) -> _Row:
    """A row whose fields are numbers by type of event, and others."""
    return kind(**{name: count(numbers[name]) for name in event_types(kind)}, **others)
