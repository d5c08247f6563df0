"""The figures of rollups in `/metrics`, from their state documents."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rollups.layout.states import States

_COUNTERS: Final = {
    "changes": "Changes of documents that were applied to cells.",
    "batches": "Transactions that applied changes.",
    "builds": "Builds of all cells.",
    "checks": "Comparisons of cells with documents.",
    "differences": "Cells that differed from a fresh count.",
}


class _Rollups(Collector):
    def __init__(self, states: States) -> None:
        self._states = states

    def collect(self) -> Iterable[Metric]:
        """The figures of each rollup; a rollup without cells has no lag."""
        lag = GaugeMetricFamily(
            "headcount_rollup_lag_seconds",
            "How far cells lag behind the documents; absent while there are no cells.",
            labels=["rollup"],
        )
        counters = {
            name: CounterMetricFamily(f"headcount_rollup_{name}", text, labels=["rollup"])
            for name, text in _COUNTERS.items()
        }
        for rollup, state in sorted(self._states.items()):
            if state.get("cells"):
                lag.add_metric([rollup], max(0, state["lag"]) / 1000)
            for name, family in counters.items():
                family.add_metric([rollup], state.get(name, 0))
        return [lag, *counters.values()]


def rollup_figures(states: States) -> bytes:
    """The figures of all rollups in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Rollups(states))
    return generate_latest(registry)
