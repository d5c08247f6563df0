"""The terms and slices that KPIs of `dashboardStats` are made of, in either mode."""

from collections.abc import Mapping
from typing import Final

from cubes.cube import Slice
from cubes.declared.behaviour import BEHAVIOUR, PRODUCT_ACTIVITY, SESSIONS_WITH
from resolvers.dashboard.values import ConversionRates, FunnelCounts, event_types
from resolvers.kpi.declarations import Kpi, parts
from resolvers.kpi.terms import Sum, total

FUNNEL: Final = event_types(FunnelCounts)
"""The types of events that are the steps to a purchase."""


def events(event_type: str) -> Sum:
    """The events of a type."""
    return total(BEHAVIOUR, "events", event_type=event_type)


def by_day(*types: str) -> Slice:
    """The events of some types by day of the window."""
    counted = BEHAVIOUR.slice("event_type", measures=["events"])
    return counted.only("event_type", types).by_points()


def products(*types: str) -> Slice:
    """The events of some types by product."""
    counted = PRODUCT_ACTIVITY.slice("event_type", "product", measures=["events"])
    return counted.only("event_type", types)


def sessions_with(event_type: str) -> Sum:
    """The sessions that have an event of a type."""
    return total(SESSIONS_WITH[event_type], "sessions")


def event_counts_of(steps: Mapping[str, Sum]) -> Kpi[FunnelCounts]:
    """`eventCounts` of the steps to a purchase."""
    return parts(FunnelCounts, "The steps to a purchase.", steps)


def conversion_rates_of(steps: Mapping[str, Sum]) -> Kpi[ConversionRates]:
    """`conversionRates` of the steps to a purchase."""
    view, cart, checkout, purchase = (steps[step] for step in FUNNEL)
    return parts(
        ConversionRates,
        "The conversion from each step to the next.",
        {
            "visit_to_cart": cart / view,
            "cart_to_checkout": checkout / cart,
            "checkout_to_purchase": purchase / checkout,
        },
    )
