"""A learning gives way to other jobs from its first moment, not only between its steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobs.submitting import submit

from service.decoding import files
from service.jobs import turns
from service.jobs.leases import Claim, Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.jobs.request import StoredStyle
from service.jobs.tasks import LearnTask
from service.machine.memory import Capacity
from service.pictures.images import Picture
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.kinds import LEARN
from service.worker import engine_job, tasks
from service.worker.learn import LearnRun
from service.worker.reporter import Reporter, Stopping

PHOTOGRAPHS = 5


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


@pytest.fixture
def run(database: Database, tmp_path: Path) -> LearnRun:
    """A learning from a folder of photographs, without a model, which it doesn't come to."""
    photos, blobs, leases = tmp_path / "photos", Blobs((tmp_path / "blobs").as_uri()), Leases(database, 60)
    photos.mkdir()
    for i in range(PHOTOGRAPHS):
        (photos / f"{i}.png").touch()
    task = LearnTask(StoredStyle("a", 1.0, 1.0, ()), "version", 64, 1.0)
    claim = Claim("learning", 1, task.to_json(), kind=LEARN)
    nothing: Any = None
    run = LearnRun(
        leases, blobs, Capacity(None, "float32"), claim, Reporter(leases, blobs, claim, lambda: False, 60), nothing
    )
    run.photos = photos
    return run


def test_a_job_that_waits_goes_first_after_each_photograph(
    run: LearnRun, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []

    def decode(data: bytes, tick: object) -> Picture:
        decoded.append(data)
        if len(decoded) == 2:
            submit(Queue(database, Limits()))
        return np.zeros((64, 64, 3), np.uint8)

    monkeypatch.setattr(files, "decode", decode)
    monkeypatch.setattr(tasks, "named_tasks", lambda session: {"learning"})
    monkeypatch.setattr(engine_job, "LOOK_S", 0.0)
    monkeypatch.setattr(turns, "PATIENCE_S", 0.0)
    with pytest.raises(Stopping):
        run.work()
    assert len(decoded) == 2
