"""The service below a path that a proxy's header says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from broker.parts import web_alone
from front_door import RunningService

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trusting(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with web_alone(narrow_model, tmp_path_factory.mktemp("prefix"), trusted_proxies=1) as running:
        yield running


def servers(service: RunningService, path: str, prefix: str) -> Any:
    """Return the servers that the API's description names."""
    answer = service.get(path, headers={"X-Forwarded-Prefix": prefix})
    assert answer.status_code == 200
    return [server["url"] for server in answer.json()["servers"]]


@pytest.mark.parametrize("path", ["/openapi.json", "/paint/openapi.json"], ids=["taken off", "passed on"])
def test_the_header_of_a_trusted_proxy_counts(trusting: RunningService, path: str) -> None:
    assert servers(trusting, path, "/paint") == servers(trusting, path, "/paint/") == ["/paint"]


def test_the_next_request_of_a_thread_has_its_own_path(trusting: RunningService, texture_png: bytes) -> None:
    trusting.put_style("cloth", texture_png).raise_for_status()
    for prefix in ("/paint", "", "/a/b"):
        for _ in range(20):
            preset = trusting.get("/v1/styles/cloth", headers={"X-Forwarded-Prefix": prefix}).json()
            assert preset["links"]["self"] == f"{prefix}/v1/styles/cloth"


@pytest.mark.parametrize("prefix", ["//example.com", "https://example.com", "/a/../b", "/a b", "/a?b", "paint"])
def test_what_could_lead_elsewhere_does_not_count(trusting: RunningService, prefix: str) -> None:
    assert servers(trusting, "/openapi.json", prefix) == ["/"]


@pytest.mark.parametrize("path", ["/metrics", "/paint/metrics"], ids=["taken off", "passed on"])
def test_metrics_are_not_shown_below_the_path(trusting: RunningService, path: str) -> None:
    assert trusting.get(path, headers={"X-Forwarded-Prefix": "/paint"}).status_code == 404
    assert trusting.get("/metrics").status_code == 200


def test_without_a_trusted_proxy_no_header_counts(service: RunningService) -> None:
    assert servers(service, "/openapi.json", "/paint") == ["/"]
    url = f"{service.url}/paint/openapi.json"
    assert requests.get(url, headers={"X-Forwarded-Prefix": "/paint"}, timeout=60).status_code == 404
