"""The documentation, the dashboard and the alerts speak of figures that exist, and of all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from refund_api.settings import Settings
from xml_contracts.refund import ApiResult

ROOT = Path(__file__).resolve().parents[3]
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
ALERTS = (ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8")
DASHBOARD = json.loads((ROOT / "deploy/grafana/refund-api.json").read_text(encoding="utf-8"))

SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}
OF_PROMETHEUS = {"job", "instance", "le"}


def metrics() -> dict[str, set[str]]:
    """Every metric as the documentation calls it -> its labels."""
    app = create_app(Settings(), handler=lambda reading, context: ApiResult(1, "ok"))
    registry = app.extensions["refund_api"].registry
    found = {}
    for collector in registry._collector_to_names:
        for metric in collector.describe():
            labels: tuple[str, ...] = getattr(collector, "_labelnames", ()) or getattr(metric, "_labelnames", ())
            found[f"{metric.name}_total" if metric.type == "counter" else metric.name] = set(labels)
    return found


METRICS = metrics()


def series() -> dict[str, set[str]]:
    """Every name that a query may use -> the labels it may use."""
    names = dict(METRICS)
    labels = names.pop("refund_api_request_seconds")
    return names | {f"refund_api_request_seconds{suffix}": labels for suffix in SUFFIXES["histogram"]}


SERIES = series()


def section(title: str) -> str:
    return OPERATIONS.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_metric_is_in_the_documentation_with_its_labels_and_the_other_way_round() -> None:
    rows = re.findall(r"^\| `(refund_api_\w+)` \|(.*?)\| .+ \|$", section("Metrics"), re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == METRICS
    assert len(rows) == len(METRICS)


def dashboard_queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (v["query"]["query"] for v in DASHBOARD["templating"]["list"] if v["type"] == "query")


def alert_rules() -> list[str]:
    return re.split(r"(?m)^      - alert: ", ALERTS)[1:]


def alert_queries() -> list[str]:
    return [rule.partition("for: ")[0].partition("labels: ")[0] for rule in alert_rules()]


@pytest.mark.parametrize("query", [*dashboard_queries(), *alert_queries()])
def test_a_query_uses_series_and_labels_that_exist(query: str) -> None:
    used = re.findall(r"\b(refund_api_\w+)(?:\{([^}]*)\})?", query)
    assert used or 'up{job="refund-api"}' in query
    labels = OF_PROMETHEUS.union(*(SERIES[name] for name, _ in used))
    for name, selector in used:
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) <= SERIES[name] | OF_PROMETHEUS
    for grouped in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
        assert set(re.findall(r"\w+", grouped)) <= labels


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(dashboard_queries())
    assert [name for name in METRICS if name not in shown] == []


def test_every_panel_says_what_it_shows_and_none_lies_on_another() -> None:
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["description"] and panel["fieldConfig"]["defaults"]["unit"] for panel in panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


def test_every_alert_is_in_the_documentation_and_the_other_way_round() -> None:
    documented = re.findall(r"^\| `(RefundApi\w+)` \| .+ \| .*`.+`.* \|$", section("Alerts"), re.MULTILINE)
    assert documented == [rule.split()[0] for rule in alert_rules()]


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule.split()[0])
def test_every_alert_has_a_severity_a_summary_and_the_command_that_answers_it(rule: str) -> None:
    assert re.search(r"^        labels: \{severity: (page|ticket)\}$", rule, re.MULTILINE)
    assert re.search(r"^          summary: \S", rule, re.MULTILINE)
    description = re.search(r"^          description: (.+)$", rule, re.MULTILINE)
    assert description and re.search(r"(curl|systemctl|journalctl|psql|refund-api) \S", description[1])
