"""The Grams that an attempt at a job has, as its worker reports them."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobs.submitting import claimed, submit

from service.jobs.leases import Leases
from service.jobs.queue import Queue
from service.storage.blobs import Blobs
from service.storage.records import DonePicture, JobProgress
from service.worker.reporter import REPORT_S, Reporter


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


def test_they_are_written_together_and_each_picture_counts_its_own(
    queue: Queue, leases: Leases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, clock = submit(queue), [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    reporter = Reporter(leases, Blobs(tmp_path.as_uri()), claimed(leases), lambda: False, 60)

    def written(seconds: float) -> int:
        """Let the time pass, and count one more."""
        clock[0] += seconds
        reporter.on_grams()
        return queue.get(id).grams

    assert [written(seconds) for seconds in (0, REPORT_S / 2, REPORT_S / 2, 0, REPORT_S)] == [0, 0, 3, 3, 5]
    reporter.on_grams()
    clock[0] += 2
    reporter.on_tick()
    assert queue.get(id).grams == 6
    assert queue.get(id).events == 1  # of the claim
    reporter.begin([DonePicture()], JobProgress(10))
    assert queue.get(id).grams == 0
    assert written(REPORT_S) == 1
