"""Scrapes, the lines of a log, and callers with a key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests
from front_door import ENDED, RunningService, eventually
from prometheus_client.parser import text_string_to_metric_families

from service.machine.scratch import MEMORY
from service.telemetry.metrics_folder import PREFIX

KEY = "a-key-that-nobody-may-read"
HEADERS = {"X-API-Key": KEY}

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(url: str) -> Series:
    """Every series of a scrape, over a connection of its own."""
    response = requests.get(f"{url}/metrics", headers={"Connection": "close"}, timeout=30)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    return series_of(response.text)


def series_of(text: str) -> Series:
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(series: Series, name: str, **labels: str) -> float:
    """Return the value of one series; 0 where nothing was counted yet."""
    return series.get((name, frozenset(labels.items())), 0.0)


def counters(series: Series) -> Series:
    """Return the samples that may only grow, without those that count the scrapes."""
    endings = ("_total", "_count", "_sum", "_bucket")
    return {key: it for key, it in series.items() if key[0].endswith(endings) and not key[0].startswith("nst_http")}


def metrics_folders(service: RunningService) -> list[Path]:
    """The folders of counts that a service's main process has made."""
    assert service.process is not None
    return list(MEMORY.glob(f"{PREFIX}{service.process.pid}-*"))


def logged(service: RunningService) -> list[dict[str, Any]]:
    """The whole lines of the log, each of which must be JSON; the last one may be half written."""
    written, _, _ = service.log.read_text().rpartition("\n")
    return [json.loads(line) for line in written.splitlines()]


def post(service: RunningService, body: dict[str, Any], **headers: str) -> str:
    """Submit a transfer; return its id."""
    response = requests.post(f"{service.url}/v1/transfers", json=body, headers=HEADERS | headers, timeout=60)
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def job(service: RunningService, id: str) -> dict[str, Any]:
    return dict(service.get(f"/v1/transfers/{id}", headers=HEADERS).json())


def ended(service: RunningService, id: str) -> dict[str, Any]:
    """A transfer, once it has ended and the metrics know of it."""
    eventually(lambda: job(service, id)["status"] in ENDED, 60, f"job {id} did not end")
    eventually(lambda: end_of(service, id), 60, f"the log doesn't tell of the end of {id}")
    return job(service, id)


def end_of(service: RunningService, id: str) -> list[dict[str, Any]]:
    """The lines that tell of a job's end."""
    return [line for line in logged(service) if line["logger"].endswith("job_log") and line["job_id"] == id]
