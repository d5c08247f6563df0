"""The families of KPIs, and the slices that each KPI reads."""

from collections.abc import Iterator
from typing import Final

from cubes.cube import Slice
from resolvers.dashboard.kpis import DashboardStats
from resolvers.event_stats import EventStats
from resolvers.events_overview import EventsOverview
from resolvers.kpi.declarations import kpis_of
from resolvers.kpi.stats import Stats
from resolvers.metrics import Metrics
from resolvers.order_stats import OrderStats
from resolvers.promo_code_stats import PromoCodeStats

FAMILIES: Final[tuple[type[Stats], ...]] = (
    EventsOverview,
    EventStats,
    PromoCodeStats,
    OrderStats,
    DashboardStats,
    Metrics,
)


def slices_of_kpis() -> Iterator[tuple[str, Slice]]:
    """(`<family>.<KPI>`, slice) of all KPIs; those of rows are by the rows' key, too."""
    for family in FAMILIES:
        key = [family.key] if hasattr(family, "key") else []
        for kpi in kpis_of(family):
            for one in kpi.slices:
                yield f"{family.__name__}.{kpi.name}", one.with_dimensions(*key)
