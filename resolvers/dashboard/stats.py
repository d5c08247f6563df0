"""DashboardStats in either mode: what visitors did in a week (analytics-dashboard-stats)."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, TypeVar

from cubes.cube import Cells
from cubes.declared.behaviour import SESSIONS_WITH
from loaders.loader import Aggregations
from resolvers.calendar import time_zone
from resolvers.dashboard.kpis import FUNNEL, DashboardStats, sessions_with
from resolvers.dashboard.products import (
    ProductNumbers,
    ProductPerformance,
    by_product,
    sessions,
)
from resolvers.dashboard.values import CountMode
from resolvers.kpi import Kpi, kpi
from resolvers.period import Period

_Value = TypeVar("_Value")

_DAILY: Final = frozenset({"sales_by_day", "events_timeline", "errors_timeline"})


def _in_sessions(number: Kpi[_Value]) -> Kpi[_Value]:
    """The same fold, of the sessions that took each step."""
    return Kpi(number.fold, *(sessions_with(step) for step in FUNNEL))


class UniqueDashboardStats(DashboardStats):
    """KPIs of the week up to now; the funnel and products count sessions."""

    mode = CountMode.UNIQUE

    event_counts = _in_sessions(DashboardStats.event_counts)
    conversion_rates = _in_sessions(DashboardStats.conversion_rates)

    @classmethod
    async def _counted(
        cls, events: ProductNumbers, period: Period, aggregations: Aggregations
    ) -> ProductNumbers:
        return await sessions(events, aggregations, period.within)

    @property
    def _funnel(self) -> Mapping[str, int]:
        return {step: self.read(SESSIONS_WITH[step]).sum("sessions") for step in FUNNEL}

    @kpi(*DashboardStats.product_performance.needs)
    def product_performance(self, _: Cells, purchases: Cells) -> list[ProductPerformance]:
        sessions = self._led.numbers["purchase"]
        return self._led.rows(sessions, units=by_product(purchases, "units")["purchase"])


async def dashboard_stats(
    selected: Collection[str],
    aggregations: Aggregations,
    *,
    mode: CountMode,
    timezone: str,
    now: datetime,
) -> DashboardStats:
    """The selected KPIs of the week up to `now`, its days those of a time zone.

    Raises `BadUserInput` for a time zone that there is not.
    """
    zone = time_zone("timezone", timezone)
    period = Period.until(now, zone)
    if _DAILY.isdisjoint(selected):
        period = period.undivided()
    kind = DashboardStats if mode is CountMode.TOTAL else UniqueDashboardStats
    return await kind.of(period, selected, aggregations)
