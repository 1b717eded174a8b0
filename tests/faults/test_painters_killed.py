"""A painter worker that dies: its paintings are carried on by the next, with the same bytes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from faults.jobs_to_do import LONG, PICTURE, STYLE, begun, times_begun
from front_door import RunningService, b64, eventually
from painters.painting_presets import give_painter

pytestmark = pytest.mark.slow

STRENGTHS = [{"strength": 0.5 + k / 100} for k in range(5)]
PAINTING = {"content": b64(PICTURE), "styles": [{"preset": "taught"}], "size": 640, "method": "painter"}


def test_a_dead_painter_workers_paintings_are_carried_on(narrow_model: Path, tmp_path: Path) -> None:
    with RunningService(narrow_model, tmp_path, lease_s=6, painters=1) as service:
        service.put_style("taught", STYLE)
        give_painter(service, "taught")
        whole = service.ended(service.post(PAINTING | {"variants": STRENGTHS[-2:]}).json()["id"])
        optimisation = begun(service, LONG)  # so that no other worker paints

        id = service.post(PAINTING | {"variants": STRENGTHS}).json()["id"]
        eventually(lambda: service.job(id)["progress"]["fraction"] > 0, 60, "nothing is painted")
        (dying,) = service.children("service painter")
        os.kill(dying, signal.SIGKILL)
        assert service.job(id)["status"] == "running"
        job = service.ended(id)
        assert job["status"] == "succeeded"
        assert times_begun(service, id) == 2
        found, expected = ([one["sha256"] for one in of["result"]["variants"]] for of in (job, whole))
        assert found[-2:] == expected
        assert service.job(optimisation)["status"] == "running"
