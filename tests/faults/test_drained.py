"""SIGTERM: the running job is kept where it is, given back, and goes on elsewhere."""

from __future__ import annotations

import concurrent.futures

import pytest
from faults.jobs_to_do import LONG, STYLE, times_begun
from front_door import RunningService, eventually
from operators.scraping import metrics_folders

pytestmark = pytest.mark.slow


def test_the_running_job_is_checkpointed_and_given_back_and_those_who_wait_for_it_are_answered(
    service: RunningService,
) -> None:
    service.put_style("kept", STYLE)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        post = pool.submit(service.post, LONG, Prefer="wait=60")
        eventually(lambda: service.get("/v1/transfers?status=running").json()["items"], 30, "not begun")
        id = service.get("/v1/transfers?status=running").json()["items"][0]["id"]
        eventually(lambda: service.job(id)["progress"]["iteration"] > 0, 30, "no progress")
        reached = service.job(id)["progress"]["iteration"]
        assert service.stop() == 0
        assert (post.result().status_code, post.result().json()["id"]) == (202, id)
    log = service.log.read_text()
    assert f"job {id}: given back" in log
    assert "killed" not in log
    assert metrics_folders(service) == []
    service.start()
    eventually(lambda: times_begun(service, id) == 2, 30, "not taken up again at once")
    assert service.job(id)["progress"]["iteration"] >= reached
