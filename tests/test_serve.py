"""`serve` keeps running whatever dies, and stops when told."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import requests
from front_door import ROOT, RunningService, b64, eventually, png

from scripts.ports import free_port

PICTURE = png(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))
STYLE = png(np.random.default_rng(1).integers(0, 120, (70, 70, 3), np.uint8))
GOOD = {"content": b64(PICTURE), "styles": [{"preset": "kept"}], "size": 64, "iterations": 20}
LONG = GOOD | {"size": 512, "iterations": 5000}


@pytest.fixture
def own_service(narrow_model: Path, tmp_path: Path) -> RunningService:
    """A service of this test's own, with one preset, not yet started; leases run out after 3 s."""
    return RunningService(narrow_model, tmp_path, lease_s=3)


def test_jobs_and_presets_outlive_the_death_of_the_web_side_and_then_of_everything(
    own_service: RunningService,
) -> None:
    service = own_service
    with service:
        service.put_style("kept", STYLE)
        running = service.post(LONG).json()["id"]
        waiting = service.post(GOOD).json()["id"]
        eventually(lambda: service.job(running)["status"] == "running", 30, "not running")

        for pid in service.children("gunicorn"):
            os.kill(pid, signal.SIGKILL)
        eventually(service.is_ready, 30, "the web side did not come back")
        assert service.job(waiting)["status"] == "queued"
        assert service.job(running)["status"] == "running"

        service.kill_everything()
        eventually(lambda: not service.children("service"), 10, "something lives")
        service.start()
        assert service.get("/v1/styles/kept").status_code == 200
        eventually(lambda: service.log.read_text().count(f"job {running}: begun") == 2, 30, "not taken over")
        requests.delete(f"{service.url}/v1/transfers/{running}", timeout=30)
        job = service.ended(waiting)
        assert job["status"] == "succeeded"
        assert service.picture(job).shape == (48, 64, 3)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_job_done(own_service: RunningService) -> None:
    service = own_service
    with service:
        service.put_style("kept", STYLE)
        id = service.post(GOOD | {"size": 512, "iterations": 200}).json()["id"]
        eventually(lambda: service.job(id)["progress"]["iteration"] > 0, 30, "no progress")
        (worker,) = service.children("service worker")
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: service.children("service worker") not in ([], [worker]), 30, "no new worker")
        assert service.ended(id)["status"] == "succeeded"


@pytest.mark.slow
def test_a_job_that_kills_every_worker_fails_and_the_next_one_runs(own_service: RunningService) -> None:
    service = own_service
    with service:
        service.put_style("kept", STYLE)
        deadly = service.post(LONG).json()["id"]
        begun = f"job {deadly}: begun"
        for attempt in range(1, 4):
            eventually(lambda n=attempt: service.log.read_text().count(begun) == n, 40, "not taken up")
            for pid in service.children("service worker"):
                os.kill(pid, signal.SIGKILL)
        job = service.ended(deadly, 40)
        assert job["status"] == "failed"
        assert "workers died" in job["error"]["detail"]
        assert service.ended(service.post(GOOD).json()["id"])["status"] == "succeeded"


def test_sigterm_gives_the_running_job_back_and_ends_cleanly(own_service: RunningService) -> None:
    service = own_service
    with service:
        service.put_style("kept", STYLE)
        id = service.post(LONG).json()["id"]
        eventually(lambda: service.job(id)["progress"]["iteration"] > 0, 30, "no progress")
        assert service.stop() == 0
        log = service.log.read_text()
        assert f"job {id}: given back" in log
        assert "killed" not in log
        service.start()
        eventually(lambda: service.job(id)["progress"]["iteration"] > 0, 30, "not taken up again at once")


@pytest.mark.slow
def test_sigterm_answers_those_who_wait_for_a_job(own_service: RunningService) -> None:
    service = own_service
    with service, concurrent.futures.ThreadPoolExecutor(1) as pool:
        service.put_style("kept", STYLE)
        post = pool.submit(service.post, LONG, Prefer="wait=60")
        eventually(lambda: "begun" in service.log.read_text(), 30, "not begun")
        assert service.stop() == 0
        assert post.result().status_code == 202
        assert post.result().json()["id"]


@pytest.mark.slow
def test_a_job_whose_steps_outlast_its_lease_stays_with_its_worker(narrow_model: Path, tmp_path: Path) -> None:
    """Sixteen style images and no progress yet: the lease of four seconds is renewed all the same."""
    with RunningService(narrow_model, tmp_path, workers=2, lease_s=4, memory_mb=8192) as service:
        pictures = [png(np.random.default_rng(i).integers(0, 255, (900, 900, 3), np.uint8)) for i in range(16)]
        body = {"content": b64(PICTURE), "styles": [{"image": b64(p), "scale": 2} for p in pictures], "size": 1000}
        id = service.post(body | {"iterations": 1}).json()["id"]
        assert service.ended(id)["status"] == "succeeded"
        assert service.log.read_text().count(f"job {id}: begun") == 1


@pytest.mark.slow
def test_a_locked_database_delays_a_job_and_does_not_fail_it(own_service: RunningService) -> None:
    service = own_service
    with service:
        service.put_style("kept", STYLE)
        id = service.post(GOOD | {"size": 512, "iterations": 150}).json()["id"]
        eventually(lambda: service.job(id)["progress"]["iteration"] > 0, 30, "no progress")
        with contextlib.closing(sqlite3.connect(service.data / "service.db", timeout=30)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(33)  # longer than a writer waits
            other.rollback()
        assert service.ended(id)["status"] == "succeeded"


@pytest.mark.slow
def test_the_children_end_with_a_killed_serve(own_service: RunningService) -> None:
    service = own_service
    with service:
        assert service.process
        service.process.kill()
        service.process.wait(10)
        eventually(lambda: not service.children("service"), 30, "orphans are left")
        service.start()  # the port is free again


@pytest.mark.slow
def test_two_workers_share_the_queue(narrow_model: Path, tmp_path: Path) -> None:
    with RunningService(narrow_model, tmp_path, workers=2) as service:
        service.put_style("kept", STYLE)
        eventually(lambda: len(service.children("service worker")) == 2, 30, "no two workers")
        time.sleep(2)  # both have loaded their model
        ids = [service.post(LONG).json()["id"] for _ in range(2)]
        eventually(lambda: all(service.job(id)["progress"]["iteration"] > 0 for id in ids), 30, "one worker idles")


def run_serve(**settings: object) -> subprocess.CompletedProcess[str]:
    env = os.environ | {f"NST_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "service", "serve"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_serve_says_what_it_lacks_and_ends(narrow_model: Path, tmp_path: Path) -> None:
    missing = run_serve(model=tmp_path / "none.onnx", data=tmp_path, port=free_port())
    assert missing.returncode == 2
    assert "python -m export" in missing.stderr.splitlines()[-1]
    wrong = run_serve(port="eighty", workers=0, api_keys=" , ")
    assert wrong.returncode == 2
    for name in ("NST_PORT", "NST_WORKERS", "NST_API_KEYS"):
        assert name in wrong.stderr
    (tmp_path / "file").write_text("")
    no_data = run_serve(model=narrow_model, data=tmp_path / "file" / "data", port=free_port())
    assert no_data.returncode == 2
    assert "Traceback" not in no_data.stderr


@pytest.mark.slow
def test_serve_refuses_a_port_in_use(own_service: RunningService, narrow_model: Path, tmp_path: Path) -> None:
    with own_service as service:
        second = run_serve(model=narrow_model, data=tmp_path / "other", port=service.port)
        assert second.returncode == 2
        assert str(service.port) in second.stderr
        assert service.is_ready()
