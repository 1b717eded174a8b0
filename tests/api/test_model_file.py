"""The model file changes while the service runs: it goes on, and says what the next worker will find."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import requests
from front_door import RunningService, eventually, png

from service.api.http.body import PACK_TYPE

pytestmark = pytest.mark.slow

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 80111729\n"
PICTURE = png(np.random.default_rng(11).integers(0, 255, (64, 80, 3), np.uint8))


@pytest.fixture(scope="module")
def service(second_service: RunningService) -> RunningService:
    return second_service


@pytest.fixture(scope="module")
def model(service: RunningService) -> Path:
    """The file of its model, which tests may damage."""
    return Path(service.env["NST_MODEL"])


def test_a_model_that_was_replaced_is_said(service: RunningService, model: Path, narrow_model: Path) -> None:
    service.put_style("before", PICTURE)
    pack = service.get("/v1/styles/before/pack").content
    model.write_bytes(b"half a model")
    ready = service.get("/readyz")
    assert ready.status_code == 200
    assert hashlib.sha256(b"half a model").hexdigest() in ready.json()["notes"][0]
    assert service.get("/v1/styles/before/pack").content == pack
    url, headers = f"{service.url}/v1/styles/after/pack", {"Content-Type": PACK_TYPE}
    assert requests.put(url, data=pack, headers=headers, timeout=60).status_code == 201
    job = service.transfer(PICTURE, {"preset": "before"}, size=64, iterations=3)
    assert job["status"] == "succeeded"
    eventually(service.is_ready, 60, "it is not ready")
    model.write_bytes(narrow_model.read_bytes())


def test_it_is_not_ready_without_a_worker(service: RunningService, model: Path, narrow_model: Path) -> None:
    """Each worker that is started anew says why it ends, until the file is back."""
    model.write_text(POINTER)
    (worker,) = service.children("service worker")
    os.kill(worker, signal.SIGKILL)
    ended = "no worker is alive; the last one ended: "
    eventually(lambda: ended in service.get("/readyz").text, 60, "it counts as ready")
    eventually(lambda: "Git LFS pointer" in service.get("/readyz").text, 30, "the reason isn't told")
    detail = service.get("/readyz").json()["detail"]
    assert str(service.data.parent) not in detail
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    said = next(line for line in lines if line["level"] == "CRITICAL")
    assert f"{model} is a Git LFS pointer" in said["message"]
    model.write_bytes(narrow_model.read_bytes())
    eventually(service.is_ready, 90, "no worker begins")
