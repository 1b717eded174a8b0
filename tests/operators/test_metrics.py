"""/metrics before and after: what is counted, by whichever process, and that it never goes back."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
import requests
from api.listening import told
from front_door import RunningService, eventually
from operators.scraping import HEADERS, Series, counters, ended, job, post, scrape, value

from service.machine.processes import is_alive
from service.machine.scratch import MEMORY
from service.telemetry.metrics_folder import PREFIX

pytestmark = pytest.mark.slow

TRANSFERS = {"kind": "transfer", "lane": "engine"}


def grown(before: Series, after: Series, name: str, **labels: str) -> float:
    return value(after, name, **labels) - value(before, name, **labels)


def test_a_job_adds_to_what_it_should_and_to_nothing_else(watched: RunningService, body: dict[str, Any]) -> None:
    before = scrape(watched.url)
    assert ended(watched, post(watched, body))["status"] == "succeeded"
    after = scrape(watched.url)
    first, second = counters(before), counters(after)
    changed = {key[0] for key in second if second[key] != first.get(key, 0.0)}
    assert changed == {
        "nst_jobs_submitted_total",
        "nst_jobs_ended_total",
        "nst_iterations_total",
        "nst_style_grams_total",
        "nst_usage_megapixel_evaluations_total",
        "nst_usage_compute_seconds_total",
        "nst_usage_bytes_total",
        *(f"nst_iteration_duration_seconds_{end}" for end in ("count", "sum", "bucket")),
        *(f"nst_job_stage_duration_seconds_{end}" for end in ("count", "sum", "bucket")),
    }
    assert grown(before, after, "nst_jobs_submitted_total", kind="transfer") == 1
    assert grown(before, after, "nst_jobs_ended_total", kind="transfer", status="succeeded") == 1
    assert grown(before, after, "nst_iterations_total") == 20
    assert grown(before, after, "nst_iteration_duration_seconds_count", size="128") == 19  # between the 20
    for stage in ("queued", "style", "optimize", "total"):
        assert grown(before, after, "nst_job_stage_duration_seconds_count", kind="transfer", stage=stage) == 1


def test_grams_are_counted_by_where_they_came_from(watched: RunningService, body: dict[str, Any]) -> None:
    before = scrape(watched.url)
    ended(watched, post(watched, body))
    computed = scrape(watched.url)
    assert grown(before, computed, "nst_style_grams_total", level="computed") == 1
    for _ in range(3):  # two workers: by the third one of them has them in memory
        ended(watched, post(watched, body))
    found = scrape(watched.url)
    assert grown(computed, found, "nst_style_grams_total", level="computed") == 0
    hits = [grown(computed, found, "nst_style_grams_total", level=level) for level in ("memory", "blobs")]
    assert sum(hits) == 3
    assert hits[0] >= 1


def test_failures_are_counted_by_their_cause(watched: RunningService, body: dict[str, Any]) -> None:
    before = scrape(watched.url)
    late = body | {"size": 512, "iterations": 5000, "deadline_s": 0.3}
    assert ended(watched, post(watched, late))["error"]["type"] == "urn:nst:problem:deadline-exceeded"
    after = scrape(watched.url)
    assert grown(before, after, "nst_job_failures_total", kind="transfer", cause="deadline-exceeded") == 1
    assert grown(before, after, "nst_jobs_ended_total", kind="transfer", status="failed") == 1


def test_a_waiting_job_that_is_canceled_counts_too(watched: RunningService, body: dict[str, Any]) -> None:
    before = scrape(watched.url)
    ids = [post(watched, body | {"size": 512, "iterations": 5000}) for _ in range(3)]
    eventually(lambda: value(scrape(watched.url), "nst_jobs", **TRANSFERS, status="running") == 2, 30, "not two")
    meanwhile = scrape(watched.url)
    assert value(meanwhile, "nst_jobs", **TRANSFERS, status="queued") == 1
    assert value(meanwhile, "nst_queue_oldest_age_seconds") > 0
    for id in ids:
        requests.post(f"{watched.url}/v1/transfers/{id}/cancel", headers=HEADERS, timeout=60)
    for id in ids:
        assert ended(watched, id)["status"] == "canceled"
    after = scrape(watched.url)
    assert grown(before, after, "nst_jobs_ended_total", kind="transfer", status="canceled") == 3
    assert value(after, "nst_jobs", **TRANSFERS, status="running") == 0
    assert value(after, "nst_queue_oldest_age_seconds") == 0


def test_requests_are_counted_by_their_route(watched: RunningService, body: dict[str, Any]) -> None:
    id = post(watched, body)
    ended(watched, id)
    name, route = "nst_http_request_duration_seconds_count", {"method": "GET", "route": "/v1/transfers/<id>"}
    before = scrape(watched.url)
    for _ in range(3):
        job(watched, id)
    assert job(watched, "none")["status"] == 404
    watched.get("/no/such/path", headers=HEADERS)
    after = scrape(watched.url)
    assert grown(before, after, name, status="200", **route) == 3
    assert grown(before, after, name, status="404", **route) == 1
    assert grown(before, after, name, method="GET", route="unmatched", status="404") == 1
    assert not any(id in value for _, labels in after for _, value in labels)


def test_all_web_processes_show_the_same(watched: RunningService, body: dict[str, Any]) -> None:
    ended(watched, post(watched, body))
    shown = []
    _, *web = watched.children("gunicorn")
    assert len(web) == 2
    for halted in web:  # the other one answers
        os.kill(halted, signal.SIGSTOP)
        try:
            shown.append(counters(scrape(watched.url)))
        finally:
            os.kill(halted, signal.SIGCONT)
    assert shown[0] == shown[1]


def test_nothing_goes_back_when_processes_are_killed(watched: RunningService, body: dict[str, Any]) -> None:
    ended(watched, post(watched, body))
    running = post(watched, body | {"size": 512, "iterations": 5000})
    events = f"{watched.url}/v1/transfers/{running}/events"
    with requests.get(events, headers=HEADERS, stream=True, timeout=60) as stream:
        lines = told(stream.iter_lines(chunk_size=1))  # with the last reference to it the connection would close
        next(lines)
        eventually(lambda: value(scrape(watched.url), "nst_event_streams_open") == 1, 60, "no stream")
        before = counters(scrape(watched.url))
        web = watched.children("gunicorn")
        doomed = {*watched.children("service worker"), *web} - {min(web)}
        for pid in doomed:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not doomed & set(watched.children("service")), 60, "they live")
        eventually(watched.is_ready, 60, "not up again")
    after = scrape(watched.url)
    assert all(counters(after).get(key, -1.0) >= it for key, it in before.items())
    assert value(after, "nst_event_streams_open") == 0, "what the dead had open is not open"
    requests.post(f"{watched.url}/v1/transfers/{running}/cancel", headers=HEADERS, timeout=60)
    assert ended(watched, running)["status"] == "canceled"
    ended(watched, post(watched, body))
    name, labels = "nst_jobs_ended_total", {"kind": "transfer", "status": "succeeded"}
    assert value(scrape(watched.url), name, **labels) == value(after, name, **labels) + 1
    assert watched.process is not None
    (folder,) = MEMORY.glob(f"{PREFIX}{watched.process.pid}-*")
    counting = {int(file.stem.rpartition("_")[2]) for file in folder.glob("*_*[0-9].db")}
    assert counting, "nobody counts"
    assert all(map(is_alive, counting)), "files of killed processes stay"
