"""SIGTERM: the running job is kept where it is, given back, and goes on elsewhere."""

from __future__ import annotations

import concurrent.futures

import pytest
from faults.jobs_to_do import LONG, STYLE, begun, times_begun
from front_door import RunningService, eventually

pytestmark = pytest.mark.slow


def test_the_running_job_is_checkpointed_and_given_back(service: RunningService) -> None:
    id = begun(service)
    reached = service.job(id)["progress"]["iteration"]
    assert service.stop() == 0
    log = service.log.read_text()
    assert f"job {id}: given back" in log
    assert "killed" not in log
    service.start()
    eventually(lambda: times_begun(service, id) == 2, 30, "not taken up again at once")
    assert service.job(id)["progress"]["iteration"] >= reached


def test_those_who_wait_for_a_job_are_answered(service: RunningService) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        service.put_style("kept", STYLE)
        post = pool.submit(service.post, LONG, Prefer="wait=60")
        eventually(lambda: "begun" in service.log.read_text(), 30, "not begun")
        assert service.stop() == 0
        assert post.result().status_code == 202
        assert post.result().json()["id"]
