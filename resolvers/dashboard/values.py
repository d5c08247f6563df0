"""What DashboardStats is made of: days, steps, rates, sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, TypeVar

from resolvers.rounding import count

_Row = TypeVar("_Row")


class CountMode(Enum):
    """What the counts of the funnel and of products are counts of."""

    TOTAL = "total"
    UNIQUE = "unique"


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many there were on a day."""

    date: date
    count: int


@dataclass(frozen=True, slots=True)
class EventsTimelineDay:
    """A day's events; the fields are named by their type."""

    date: date
    product_view: int
    add_to_cart: int
    begin_checkout: int
    purchase: int
    checkout_started: int
    payment_info_entered: int
    order_completed: int


@dataclass(frozen=True, slots=True)
class ErrorsTimelineDay:
    """A day's errors; the fields are named by the type of the event."""

    date: date
    payment_error: int
    checkout_error: int
    payment_confirmation_error: int
    address_error: int


@dataclass(frozen=True, slots=True)
class FunnelCounts:
    """The steps to a purchase; the fields are named by the type of the event."""

    product_view: int
    add_to_cart: int
    begin_checkout: int
    purchase: int


@dataclass(frozen=True, slots=True)
class ConversionRates:
    """Percentages of the step before."""

    visit_to_cart: float
    cart_to_checkout: float
    checkout_to_purchase: float


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Errors; the fields are named by the type of the event."""

    payment_error: int
    checkout_error: int
    payment_confirmation_error: int


@dataclass(frozen=True, slots=True)
class SessionStats:
    """The window's sessions."""

    unique_sessions: int
    avg_events_per_session: float
    sessions_with_purchase: int


@dataclass(frozen=True, slots=True)
class RetentionMetrics:
    """Users that bought, and bought again, in so many days."""

    repurchase_rate: float
    recurrent_customers: int
    total_unique_buyers: int
    period_days: int


@dataclass(frozen=True, slots=True)
class TrafficSource:
    """How many sessions came from a source."""

    source: str
    sessions: int


def types(row: type) -> tuple[str, ...]:
    """The types of events that a row's fields are named by."""
    return tuple(name for name in row.__annotations__ if name != "date")


def row(kind: type[_Row], numbers: Mapping[str, int], **others: Any) -> _Row:
    """A row whose fields are numbers by type of event, and others."""
    return kind(**{name: count(numbers[name]) for name in types(kind)}, **others)
