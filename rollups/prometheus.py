"""What `/metrics` says of rollups: what is known of them in the database, when it is asked."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

States: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Rollup's name → its state document, with `lag` in milliseconds."""

_COUNTED: Final = {
    "changes": "Changes of documents that were added to kept cells.",
    "batches": "Transactions that changes were written in.",
    "builds": "How often kept cells were built.",
    "checks": "Comparisons of kept cells with documents.",
    "differences": "Kept cells that were not what documents say.",
}


class _Rollups(Collector):
    def __init__(self, states: States) -> None:
        self._states = states

    def collect(self) -> Iterable[Metric]:
        """The figures; those of a rollup are the same whichever server is asked."""
        lag = GaugeMetricFamily(
            "headcount_rollup_lag_seconds",
            "How late kept cells are; nothing while there are none.",
            labels=["rollup"],
        )
        counted = {
            name: CounterMetricFamily(f"headcount_rollup_{name}", text, labels=["rollup"])
            for name, text in _COUNTED.items()
        }
        for rollup, state in sorted(self._states.items()):
            if state.get("cells"):
                lag.add_metric([rollup], max(0, state["lag"]) / 1000)
            for name, family in counted.items():
                family.add_metric([rollup], state.get(name, 0))
        return [lag, *counted.values()]


def rollup_figures(states: States) -> bytes:
    """The figures of all rollups, in Prometheus' format."""
    registry = CollectorRegistry()
    registry.register(_Rollups(states))
    return generate_latest(registry)
