"""`python -m resolvers.kpi OrderStats.confirmed_revenue`: prints the pipelines of a KPI."""

import sys

from bson import json_util

from cubes.registry import DEFAULT_CATALOG
from resolvers.dashboard.kpis import DashboardStats
from resolvers.event_stats import EventStats
from resolvers.events_overview import EventsOverview
from resolvers.kpi.declarations import kpis_of
from resolvers.metrics import Metrics
from resolvers.order_stats import OrderStats
from resolvers.promo_code_stats import PromoCodeStats

_FAMILIES = (EventsOverview, EventStats, PromoCodeStats, OrderStats, DashboardStats, Metrics)


def main(name: str) -> str:
    """For each slice of a KPI: the collection, and its live pipeline in extended JSON.

    The pipeline is that of all documents: of no window, and of no events' page. Raises
    `LookupError` if there is no such KPI.
    """
    found = {f"{each.__name__}.{kpi.name}": kpi for each in _FAMILIES for kpi in kpis_of(each)}
    if name not in found:
        raise LookupError(f"There is no KPI {name}; there are {', '.join(found)}.")
    lines = []
    for one in found[name].slices:
        bound = one.bound_to(DEFAULT_CATALOG.bound(one.cube))
        pipeline = json_util.dumps(bound.pipeline(), indent=1)
        lines.append(f"{one.source.Settings.name}: {pipeline}")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        print(main(" ".join(sys.argv[1:])))
    except LookupError as error:
        sys.exit(error.args[0])
