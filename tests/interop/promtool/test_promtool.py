"""What is in deploy/ for Prometheus and Grafana, and the page of metrics, judged by Prometheus' own tool."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from app import create_app
from refund_api.settings import Settings
from xml_contracts.refund import ApiResult

ROOT = Path(__file__).resolve().parents[3]
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/refund-api.json"
RULE_TESTS = Path(__file__).with_name("alerts_test.yml")


def promtool(*arguments: str | Path, text: str | None = None) -> None:
    result = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_rules_can_be_read() -> None:
    promtool("check", "rules", ALERTS)


def test_each_alert_speaks_when_it_should_and_not_in_a_quiet_hour() -> None:
    promtool("test", "rules", RULE_TESTS)


def test_every_alert_has_a_test() -> None:
    tested = RULE_TESTS.read_text(encoding="utf-8")
    names = [line.split()[2] for line in ALERTS.read_text(encoding="utf-8").splitlines() if "- alert: " in line]
    assert [name for name in names if name not in tested] == []


def test_the_words_that_an_operator_is_told_to_look_for_are_words_of_the_log() -> None:
    logs = (ROOT / "docs/operations.md").read_text(encoding="utf-8").partition("\n## Logs\n")[2].partition("\n## ")[0]
    words = re.findall(r"\b(?:grep(?: -i)?|-g) (\w+)", ALERTS.read_text(encoding="utf-8"))
    assert len(words) >= 6
    assert [word for word in words if word not in logs] == []


def test_every_query_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    queries = [target["expr"].replace("$__rate_interval", "1m") for panel in panels for target in panel["targets"]]
    rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "queries.yml"  # JSON is YAML too
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", path)


@pytest.mark.parametrize("body", [None, "{}"])
def test_the_page_of_metrics_follows_the_conventions_of_prometheus(tmp_path: Path, body: str | None) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/refunds.db")
    client = create_app(settings, handler=lambda reading, context: ApiResult(1, "ok")).test_client()
    if body is not None:
        client.post("/api/order/cancel", data=body, content_type="application/json")
    promtool("check", "metrics", text=client.get("/metrics").text)
