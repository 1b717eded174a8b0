"""Painter workers that die or hang: their paintings are carried on by others, with the same bytes."""

from __future__ import annotations

import os
import signal

import pytest
from api.test_painters import QUICK, learned, painter
from faults.jobs_to_do import PICTURE, STYLE, times_begun
from front_door import RunningService, b64, eventually

pytestmark = pytest.mark.slow

PAINTING = {"content": b64(PICTURE), "styles": [{"preset": "taught"}], "size": 256, "method": "painter"}
SEVERAL = PAINTING | {"size": 2048, "variants": [{"strength": 0.5 + k / 100} for k in range(8)]}


def painter_of(service: RunningService) -> int:
    (painter,) = service.children("service painter")
    return painter


def test_a_dead_or_hanging_painter_workers_paintings_are_carried_on(own_service: RunningService) -> None:
    with own_service as service:
        service.put_style("taught", STYLE, painter=QUICK)
        assert learned(service, "taught")["status"] == "ready", painter(service, "taught")
        whole = service.ended(service.post(PAINTING).json()["id"])

        (worker,) = service.children("service worker")
        os.kill(worker, signal.SIGSTOP)  # so that no other paints
        id = service.post(SEVERAL).json()["id"]
        eventually(lambda: service.job(id)["progress"]["fraction"] > 0, 60, "nothing is painted")
        os.kill(painter_of(service), signal.SIGKILL)
        os.kill(worker, signal.SIGCONT)
        assert service.job(id)["status"] == "running"
        job = service.ended(id)
        assert job["status"] == "succeeded"
        assert len(job["result"]["variants"]) == 8
        assert times_begun(service, id) == 2

        eventually(lambda: service.children("service painter"), 30, "no other painter worker")
        other_painter = painter_of(service)
        os.kill(other_painter, signal.SIGSTOP)
        other = service.ended(service.post(PAINTING).json()["id"])
        os.kill(other_painter, signal.SIGCONT)
        assert other["status"] == "succeeded"
        assert other["result"]["sha256"] == whole["result"]["sha256"]
