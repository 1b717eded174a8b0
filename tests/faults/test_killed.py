"""kill -9 of each part and of everything: a job that was accepted is finished, or explained."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import requests
from faults.jobs_to_do import LONG, SHORT, STYLE, begun, checkpointed, checkpoints, times_begun
from front_door import RunningService, b64, eventually, png, within
from operators.scraping import metrics_folders, scrape, value

from service.jobs.attempts import MAX_ATTEMPTS

pytestmark = pytest.mark.slow


def test_a_job_that_gets_more_grams_each_time_outlives_any_number_of_deaths(service: RunningService) -> None:
    """It comes first, because the pause before a worker's restart grows with each death."""
    pictures = np.random.default_rng(2).integers(0, 255, (16, 99, 99, 3), np.uint8)
    styles = [{"image": b64(png(picture))} for picture in pictures]
    id = service.post(LONG | {"styles": styles, "size": 1000, "levels": 1}).json()["id"]
    reached = 0
    for attempt in range(1, MAX_ATTEMPTS + 1):
        eventually(lambda past=reached: grams_of(service, id) > past, 60, f"attempt {attempt} got no more Grams")
        kill(service, "service worker")
        assert service.job(id)["progress"]["iteration"] == 0
        reached = grams_of(service, id)
    eventually(lambda: times_begun(service, id) > MAX_ATTEMPTS, 60, "it was given up")


def test_a_killed_workers_job_goes_on_near_where_it_was(service: RunningService) -> None:
    id = begun(service, LONG | {"iterations": 300})
    reached = checkpointed(service, id)
    kill(service, "service worker")
    eventually(lambda: times_begun(service, id) == 2, 30, "not taken over")
    taken_up_at = service.job(id)["progress"]["iteration"]
    assert taken_up_at > 0
    assert taken_up_at >= reached / 3  # a checkpoint is at most some seconds old
    job = service.ended(id)
    assert job["status"] == "succeeded"
    assert reached < job["result"]["iterations"] <= 300
    assert service.picture(job).shape == (144, 192, 3)
    assert checkpoints(service, id) == []


def test_a_killed_web_process_is_replaced_and_harms_no_job(service: RunningService) -> None:
    id = begun(service)
    (master, *workers) = service.children("gunicorn")
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    eventually(service.is_ready, 30, "the web side did not come back")
    assert service.children("gunicorn")[0] == master
    before = service.job(id)["progress"]["iteration"]
    eventually(lambda: service.job(id)["progress"]["iteration"] > before, 30, "the job stands still")
    assert times_begun(service, id) == 1


def test_jobs_and_presets_outlive_the_death_of_everything(service: RunningService) -> None:
    running = begun(service)
    waiting = service.post(SHORT).json()["id"]
    reached = checkpointed(service, running)
    (counts,) = metrics_folders(service)
    service.kill_everything()
    eventually(lambda: not service.children("service"), 60, "something lives")
    assert counts.exists()
    service.start()
    assert not counts.exists(), "what was left is swept"
    name, route = "nst_http_request_duration_seconds_count", {"method": "GET", "route": "/v1/transfers/<id>"}
    assert value(scrape(service.url), name, status="200", **route) == 0
    assert service.get("/v1/styles/kept").status_code == 200
    eventually(lambda: times_begun(service, running) == 2, 30, "not taken over")
    assert service.job(running)["progress"]["iteration"] >= reached / 3
    requests.delete(f"{service.url}/v1/transfers/{running}", timeout=30)
    job = service.ended(waiting)
    assert job["status"] == "succeeded"
    assert service.picture(job).shape == (48, 64, 3)


def test_a_job_that_kills_every_worker_fails_and_the_next_one_runs(service: RunningService) -> None:
    def is_failed(id: str) -> bool:
        return bool(service.job(id)["status"] == "failed")

    service.put_style("kept", STYLE)
    deadly = service.post(LONG | {"size": 1000, "levels": 1}).json()[
        "id"
    ]  # which is killed before its first iteration
    for attempt in range(1, 2 * MAX_ATTEMPTS):  # on a busy machine one of them may get its Gram first
        within(lambda n=attempt: is_failed(deadly) or times_begun(service, deadly) == n, 40, "not taken up")
        if is_failed(deadly):
            break
        kill(service, "service worker")
    job = service.ended(deadly, 40)
    assert job["status"] == "failed"
    assert "3 workers died" in job["error"]["detail"]
    assert service.ended(service.post(SHORT).json()["id"])["status"] == "succeeded"


def test_a_job_that_comes_further_each_time_outlives_any_number_of_deaths(service: RunningService) -> None:
    service.put_style("kept", STYLE)
    id = service.post(LONG).json()["id"]
    outlives_deaths(service, id, lambda: service.job(id)["progress"]["iteration"])


def test_a_learning_that_comes_further_each_time_outlives_any_number_of_deaths(service: RunningService) -> None:
    def painter() -> dict[str, Any]:
        shown: dict[str, Any] = service.get("/v1/styles/taught/painter").json()
        return shown

    service.put_style("taught", STYLE, painter={"size": 64, "minutes": 0.3})
    eventually(lambda: ": begun" in service.log.read_text(), 30, "not begun")
    (id,) = re.findall(r"job (\w+): begun", service.log.read_text())
    reached = outlives_deaths(service, id, lambda: painter()["steps"])
    eventually(lambda: painter()["status"] == "ready", 150, "it was not learned")
    assert painter()["steps"] > reached
    learned = [check["seconds"] for check in painter()["losses"]]
    assert learned == sorted(learned)
    assert learned[-1] <= 28  # of work, without the pauses


def outlives_deaths(service: RunningService, id: str, progress: Callable[[], int]) -> int:
    """Kill the worker once each attempt is seen to be further, as often as a job that stands still may not lose it.

    Return how far it had come when the last one was killed.
    """
    reached = 0
    for attempt in range(1, MAX_ATTEMPTS + 1):
        eventually(lambda past=reached: progress() > past, 120, f"attempt {attempt} came no further")
        kill(service, "service worker")
        reached = progress()  # it may have gone on until then
    eventually(lambda: times_begun(service, id) > MAX_ATTEMPTS, 120, "it was given up")
    assert progress() >= reached / 4  # a checkpoint is at most some seconds old
    return reached


def grams_of(service: RunningService, id: str) -> int:
    """Return how many of a picture's Grams one attempt had at most, as the job's row has it."""
    ((grams,),) = service.execute("SELECT grams FROM jobs WHERE id = ?", id)
    return int(grams)


def kill(service: RunningService, marker: str) -> None:
    for pid in service.children(marker):
        os.kill(pid, signal.SIGKILL)
