"""The Grafana dashboard and the alert rules ask for what there is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from front_door import ROOT, RunningService, eventually
from operators.scraping import ended, post, scrape
from pages import anchors
from webhooks.receiver import Receiver

from service.errors import DeadlineExceeded
from service.jobs.job_log import REFUSED
from service.telemetry.instruments import REGISTRY

DASHBOARD = json.loads((ROOT / "docs" / "grafana" / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "docs" / "grafana" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
METRIC = re.compile(r"\b(nst_\w+)(?:\{([^}]*)\})?")


def labels_of(expression: str) -> set[str]:
    """The labels that an expression selects or groups by; `le`, `job` and `instance` are Prometheus' own."""
    grouped = re.findall(r"by \(([^)]*)\)", expression)
    chosen = re.findall(r"(\w+)\s*(?:=~|!=|=)\s*\"", expression)
    names = {name.strip() for group in grouped for name in group.split(",")} | set(chosen)
    return names - {"le", "job", "instance"}


def test_every_panel_has_a_place_and_the_chosen_data_source() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert len({(place["x"], place["y"]) for place in places}) == len(places)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    (variable,) = [each for each in DASHBOARD["templating"]["list"] if each["type"] == "datasource"]
    for panel in PANELS:
        assert panel["datasource"]["uid"] == f"${{{variable['name']}}}"
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_every_alert_says_what_is_wrong_and_leads_to_a_section() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        page, _, section = rule["annotations"]["see"].partition("#")
        assert section in anchors(ROOT / page), rule["alert"]


def test_the_alert_of_deliveries_looks_at_all_that_is_sent() -> None:
    (rule,) = [rule for rule in RULES if rule["alert"] == "NstNothingIsDelivered"]
    sent = {f"{metric.name}_total" for metric in REGISTRY.collect() if metric.name.endswith("_attempts")}
    assert len(sent) == 2
    assert {match[0] for match in METRIC.findall(rule["expr"])} == sent | {"nst_webhooks_pending"}


def test_no_alert_comes_from_what_callers_sent_or_asked_for() -> None:
    (rule,) = [rule for rule in RULES if rule["alert"] == "NstJobsFail"]
    (left_out,) = set(re.findall(r'cause!~"([^"]*)"', rule["expr"]))
    assert set(left_out.split("|")) == {DeadlineExceeded.slug, REFUSED}


def labels_by_metric(service: RunningService) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for name, labels in scrape(service.url):
        known.setdefault(name, set()).update(label for label, _ in labels)
    return known


@pytest.mark.slow
def test_every_metric_asked_for_is_in_a_scrape_with_these_labels(
    watched: RunningService, body: dict[str, Any]
) -> None:
    with Receiver() as receiver:
        ended(watched, post(watched, body | {"callback_url": receiver.url()}))
        ended(watched, post(watched, body | {"size": 512, "iterations": 5000, "deadline_s": 0.3}))
    eventually(lambda: "nst_webhook_attempts_total" in labels_by_metric(watched), 30, "the webhook wasn't counted")
    known = labels_by_metric(watched)
    asked = set()
    for expression in [*EXPRESSIONS, *(rule["expr"] for rule in RULES)]:
        names = {match[0] for match in METRIC.findall(expression)}
        assert names, expression
        assert names <= set(known), expression
        assert labels_of(expression) <= set.union(*(known[name] for name in names)), expression
        asked |= {re.sub("_(bucket|sum|count|total)$", "", name) for name in names}
    assert asked >= {re.sub("_(bucket|sum|count|total)$", "", name) for name in known} - {"nst_build_info"}
