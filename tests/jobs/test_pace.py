"""The time that a job still takes, as its worker reports it."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobs.stepped import State
from jobs.submitting import claimed, submit

from service.jobs.leases import Leases
from service.jobs.queue import Queue
from service.storage.blobs import Blobs
from service.worker.reporter import Reporter


class Early(State):
    """A job that is too young for a checkpoint."""

    def checkpoint(self) -> State:
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
        reports.on_progress(Early(1, fraction))
        progress = queue.get(id).progress
        assert progress is not None
        return progress.eta_seconds

    assert seconds_left(0, 0.0) is None
    assert seconds_left(1, 0.01) == 99
    reports.skipped = 0.5
    assert seconds_left(2, 0.52) == 48
    assert seconds_left(3, 0.53) == 47
