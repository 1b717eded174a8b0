"""A job of several pictures that another worker takes over after one of its finished pictures was damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from front_door import png

from service.config import Settings
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.options import TransferOptions
from service.pictures.images import digest
from service.pictures.style_image import StyleImage
from service.storage.records import DonePicture, JobCheckpoint, JobProgress
from service.storage.stored_files import StoredImage
from service.worker.process import Worker

LOSSES = {"content": 0.1, "style": 0.2, "tv": 0.3, "total": 0.6}


@pytest.mark.slow
def test_the_progress_goes_back_to_the_last_whole_picture_and_no_further(narrow_model: Path, tmp_path: Path) -> None:
    answers = iter([False])
    worker = Worker(Settings(data=tmp_path, model=narrow_model), lambda: next(answers, True))
    blobs, queue, leases = worker._blobs, Queue(worker._database, Limits()), Leases(worker._database, 60)
    data = png(np.zeros((40, 60, 3), np.uint8))
    for name in ("content", "whole"):
        blobs.put(f"jobs/several/{name}", data)
    blobs.put("jobs/several/damaged", data[:-1])
    whole, damaged = (
        DonePicture(f"jobs/several/{name}", digest(data), 60, 40, losses=LOSSES, iterations=6)
        for name in ("whole", "damaged")
    )
    content = StoredImage("jobs/several/content", digest(data), 60, 40)
    painting = Painting(
        (StoredStyle(None, 1.0, 1.0, (StyleImage(content),)),), TransferOptions(size=64, iterations=7)
    )
    queue.submit(Submission("several", TransferRequest(content, painting, (painting,) * 4)))
    claim = leases.claim("other:1", {})
    assert claim is not None
    leases.report(claim, checkpoint=JobCheckpoint(None, JobProgress(14, 0.5, LOSSES), (whole, damaged)))
    leases.give_back(claim)
    assert queue.get("several").progress == JobProgress(14, 0.5, LOSSES, event=2)
    worker.work_off()
    row = queue.get("several")
    assert (row.status, row.checkpoint and row.checkpoint.done) == ("queued", (whole,))
    assert row.progress is not None
    assert (row.progress.iteration, row.progress.fraction, row.progress.losses) == (7, 0.25, LOSSES)
