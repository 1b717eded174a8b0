"""The alert rules and the query that scales workers, evaluated by Prometheus' own tool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from front_door import ROOT
from servers.fixtures import missing

pytestmark = pytest.mark.slow

RULES = ROOT / "docs" / "grafana" / "alerts.yaml"
CASES = Path(__file__).with_name("alerts_test.yaml")
WORKER = ROOT / "docs" / "kubernetes" / "worker.yaml"


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        missing("promtool", "prometheus")
    return found


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_the_rules(promtool: str) -> None:
    run(promtool, "check", "rules", "--lint-fatal", str(RULES))


def test_each_alert_comes_when_it_should_and_only_then(promtool: str) -> None:
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test["alert_rule_test"]]
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == alerts
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == alerts
    run(promtool, "test", "rules", str(CASES))


def adapter_queries() -> dict[str, str]:
    """What the Prometheus adapter asks for each metric of the autoscaler, by the status of the jobs."""
    text = WORKER.read_text()
    lines = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("#   ")]
    (rule,) = yaml.safe_load("\n".join(lines))["externalRules"]
    (scaler,) = [one for one in yaml.safe_load_all(text) if one["kind"] == "HorizontalPodAutoscaler"]
    queries = {}
    for metric in scaler["spec"]["metrics"]:
        wanted = metric["external"]["metric"]
        assert wanted["name"] == rule["seriesQuery"]
        labels = wanted["selector"]["matchLabels"]
        matchers = [f'{name}="{value}"' for name, value in labels.items()] + ['namespace="nst"']
        for one in wanted["selector"]["matchExpressions"]:
            assert one["operator"] == "NotIn"
            matchers.append(f'{one["key"]}!~"{"|".join(one["values"])}"')
        queries[labels["status"]] = rule["metricsQuery"].replace("<<.LabelMatchers>>", ",".join(matchers))
    return queries


def test_workers_are_scaled_by_the_jobs_that_need_them(promtool: str, tmp_path: Path) -> None:
    """Two web servers report the jobs of the whole service, one of them a moment later; the autoscaler adds up."""
    reported = {
        ("transfer", "engine", "queued"): (8, 6), ("transfer", "paint", "queued"): (50, 50),
        ("learn", "engine", "queued"): (1, 1), ("judge", "engine", "queued"): (90, 90),
        ("transfer", "engine", "running"): (2, 3), ("transfer", "paint", "running"): (4, 4),
    }  # fmt: skip
    series = [
        {
            "series": f'nst_jobs{{kind="{kind}",lane="{lane}",status="{status}",namespace="nst",pod="web-{i}"}}',
            "values": f"{count}x5",
        }
        for (kind, lane, status), counts in reported.items()
        for i, count in enumerate(counts)
    ]
    queries = adapter_queries()
    assert set(queries) == {"queued", "running"}
    wanted = {"queued": 9, "running": 3}
    tests: list[dict[str, Any]] = [
        {
            "expr": f"sum({query})",
            "eval_time": "3m",
            "exp_samples": [{"labels": "{}", "value": wanted[status]}],
        }
        for status, query in queries.items()
    ]
    file = tmp_path / "scaling.yaml"
    file.write_text(
        yaml.safe_dump({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}]})
    )
    run(promtool, "test", "rules", str(file))
