"""SIGTERM: the running job is kept where it is, given back, and goes on elsewhere; the service is gone in 10 s."""

from __future__ import annotations

import concurrent.futures
import time
from pathlib import Path

import numpy as np
import pytest
from faults.jobs_to_do import LONG, SHORT, STYLE, begun, times_begun
from front_door import RunningService, b64, eventually, png

DRAIN_S = 10.0


def test_the_running_job_is_checkpointed_and_given_back(own_service: RunningService) -> None:
    with own_service as service:
        id = begun(service)
        reached = service.job(id)["progress"]["iteration"]
        before = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - before < DRAIN_S  # a promise, not a measurement: see README, Draining
        log = service.log.read_text()
        assert f"job {id}: given back" in log
        assert "killed" not in log
        service.start()
        eventually(lambda: times_begun(service, id) == 2, 30, "not taken up again at once")
        assert service.job(id)["progress"]["iteration"] >= reached


@pytest.mark.slow
def test_those_who_wait_for_a_job_are_answered(own_service: RunningService) -> None:
    with own_service as service, concurrent.futures.ThreadPoolExecutor(1) as pool:
        service.put_style("kept", STYLE)
        post = pool.submit(service.post, LONG, Prefer="wait=60")
        eventually(lambda: "begun" in service.log.read_text(), 30, "not begun")
        assert service.stop() == 0
        assert post.result().status_code == 202
        assert post.result().json()["id"]


@pytest.mark.slow
def test_a_step_that_takes_too_long_is_not_waited_for(real_model: Path, tmp_path: Path) -> None:
    """One evaluation of a large picture in float32 on one thread takes longer than a drain may."""
    with RunningService(real_model, tmp_path, precision="float32", lease_s=300) as service:
        content = png(np.random.default_rng(0).integers(0, 255, (1800, 1800, 3), np.uint8))
        body = SHORT | {"content": b64(content), "styles": [{"image": b64(STYLE), "scale": 0.1}]}
        id = service.post(body | {"size": 1800, "levels": 1, "iterations": 50}).json()["id"]
        eventually(lambda: times_begun(service, id), 60, "not begun")
        time.sleep(8)  # in its first evaluation by now
        before = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - before < DRAIN_S + 1
        assert f"job {id}: given back" in service.log.read_text()
        service.start()
        eventually(lambda: times_begun(service, id) == 2, 30, "not taken up again at once")
