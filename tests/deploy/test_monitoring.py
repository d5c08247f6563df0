"""The alert rules and the dashboard in `deploy/`."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

_DEPLOY = Path(__file__).parents[2] / "deploy"
_ALERTS = _DEPLOY / "prometheus" / "alerts.yml"
_DASHBOARD = _DEPLOY / "grafana" / "headcount.json"
# `up` is Prometheus' own.
_METRIC = re.compile(r"\b(?:headcount|process)_\w+")
_SUFFIXES = re.compile(r"_(?:total|bucket|count|sum)$")


def _promtool(*arguments: str | Path, folder: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: it is in Debian's package prometheus")
    result = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_each_alert_fires_when_it_should_and_not_else(tmp_path: Path) -> None:
    tests = Path(__file__).with_name("alerts.test.yml")
    for file in (_ALERTS, tests):
        shutil.copy(file, tmp_path)
    _promtool("check", "rules", _ALERTS.name, folder=tmp_path)
    _promtool("test", "rules", tests.name, folder=tmp_path)
    names = set(re.findall(r"- alert: (\w+)", _ALERTS.read_text()))
    assert names == set(re.findall(r"alertname: (\w+), exp_alerts", tests.read_text()))
    docs = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert names == set(re.findall(r"^\| `(Headcount\w+)`", docs, re.MULTILINE))


@pytest.mark.parametrize(
    "source", [_ALERTS.read_text(), _DASHBOARD.read_text()], ids=["alerts", "dashboard"]
)
async def test_the_server_has_each_metric(http: httpx.AsyncClient, source: str) -> None:
    text = (await http.get("/metrics")).text
    there = {_SUFFIXES.sub("", name) for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)}
    needed = {_SUFFIXES.sub("", name) for name in _METRIC.findall(source)}
    assert len(needed) > 10
    assert needed <= there


async def test_metrics_of_alerts_exist_before_the_first_error(http: httpx.AsyncClient) -> None:
    # The increase from a metric that did not exist is no increase.
    text = (await http.get("/metrics")).text
    for sample in (
        'headcount_graphql_errors_total{code="INTERNAL_SERVER_ERROR"}',
        'headcount_http_errors_total{reason="internal_server_error",status="500"}',
        'headcount_http_errors_total{reason="too_many_connections",status="503"}',
        'headcount_mongodb_connection_failures_total{reason="timeout"}',
        'headcount_denylist_reads_total{outcome="failed"}',
        'headcount_http_errors_total{reason="overloaded",status="503"}',
        'headcount_operations_refused_total{reason="queue"}',
        'headcount_operations_refused_total{reason="wait"}',
        'headcount_operations_refused_total{reason="caller"}',
        'headcount_rollup_fallbacks_total{reason="stale"}',
        'headcount_rollup_fallbacks_total{reason="slow"}',
    ):
        assert sample in text


def _panels() -> Iterator[dict[str, Any]]:
    yield from json.loads(_DASHBOARD.read_text())["panels"]


def test_the_panels_of_the_dashboard_lie_side_by_side() -> None:
    taken = list[tuple[int, int]]()
    for panel in _panels():
        grid = panel["gridPos"]
        taken += [
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        ]
        assert grid["x"] + grid["w"] <= 24
    assert len({*taken}) == len(taken)
    ids = [panel["id"] for panel in _panels()]
    assert len({*ids}) == len(ids)


def test_a_legend_names_labels_that_its_query_keeps() -> None:
    targets = [target for panel in _panels() for target in panel.get("targets", ())]
    assert targets
    for target in targets:
        kept = {
            name.strip()
            for group in re.findall(r" by \(([^)]*)\)", target["expr"])
            for name in group.split(",")
        }
        shown = {*re.findall(r"{{(\w+)}}", target["legendFormat"])}
        assert shown <= kept | {"instance"}, target
