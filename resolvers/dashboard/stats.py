"""`dashboardStats` in either mode."""

from collections.abc import Collection
from datetime import datetime

from cubes.cells import Cells
from loaders.loader import Loader
from resolvers.calendar import time_zone
from resolvers.dashboard.kpis import DashboardStats
from resolvers.dashboard.products import ProductNumbers, by_product, sessions
from resolvers.dashboard.terms import (
    FUNNEL,
    conversion_rates_of,
    event_counts_of,
    sessions_with,
)
from resolvers.dashboard.values import CountMode, ProductPerformance
from resolvers.kpi.declarations import fold
from resolvers.period import Period

_SESSIONS = {step: sessions_with(step) for step in FUNNEL}


class UniqueDashboardStats(DashboardStats):
    """`dashboardStats` in mode UNIQUE: the funnel and the products are counted in sessions."""

    MODE = CountMode.UNIQUE

    event_counts = event_counts_of(_SESSIONS)
    conversion_rates = conversion_rates_of(_SESSIONS)

    @classmethod
    async def product_numbers(
        cls, activity: ProductNumbers, period: Period, loader: Loader
    ) -> ProductNumbers:
        """The numbers that products are ordered by: their sessions."""
        return await sessions(activity, loader, period.in_window)

    @fold(*DashboardStats.product_performance.slices)
    def product_performance(self, _: Cells, purchases: Cells) -> list[ProductPerformance]:
        """The 10 products with the most sessions that viewed them."""
        buying = self.leaders.numbers["purchase"]
        return self.leaders.rows(buying, units=by_product(purchases, "units")["purchase"])


async def dashboard_stats(
    selected: Collection[str],
    loader: Loader,
    *,
    mode: CountMode,
    timezone: str,
    now: datetime,
) -> DashboardStats:
    """The selected KPIs of the week up to `now`, its days those of a time zone.

    Raises `BadUserInput` for an unknown time zone.
    """
    period = Period.until(now, time_zone("timezone", timezone))
    kind = DashboardStats if mode is CountMode.TOTAL else UniqueDashboardStats
    return await kind.of(period, selected, loader)
