"""The time that a job still takes, as its worker reports it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobs.submitting import claimed, submit

from service.engine.losses import Losses
from service.jobs.leases import Leases
from service.jobs.queue import Queue
from service.pictures.images import Picture
from service.storage.blobs import Blobs
from service.worker.reporter import Reporter


@dataclass(frozen=True)
class State:
    """A learning that has come to `fraction`."""

    fraction: float
    iteration: int = 1
    level: int = 0
    losses: Losses = Losses(0.0, 0.0, 0.0, 0.0)

    def picture(self) -> Picture:
        return np.zeros((8, 8, 3), np.uint8)

    def checkpoint(self) -> Any:
        raise AssertionError("no checkpoint is due so early")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


def test_what_a_learning_leaves_out_is_not_taken_for_speed(
    queue: Queue, leases: Leases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundredth of the work takes a second."""
    id, clock = submit(queue), [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    reports = Reporter(leases, Blobs(tmp_path.as_uri()), claimed(leases), lambda: False, 60)

    def seconds_left(time: float, fraction: float) -> float | None:
        clock[0] = time
        reports.on_progress(State(fraction))
        progress = queue.get(id).progress
        assert progress is not None
        return progress.eta_seconds

    assert seconds_left(0, 0.0) is None
    assert seconds_left(1, 0.01) == 99
    reports.skipped = 0.5
    assert seconds_left(2, 0.52) == 48
    assert seconds_left(3, 0.53) == 47
