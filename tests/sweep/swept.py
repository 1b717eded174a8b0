"""Files for the sweep, and what is left of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from front_door import png
from jobs.submitting import REQUEST
from sqlalchemy import update

from service.decoding.files import check_image
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.preset_schema import PresetVersionRow
from service.styles.presets import Presets
from service.worker import sweep_plan

DAY_S = 86_400


def age(tmp_path: Path) -> None:
    """Make every blob older than the grace."""
    old = time.time() - sweep_plan.GRACE_S - 60
    for path in (tmp_path / "blobs").rglob("*"):
        os.utime(path, (old, old))


def keys(blobs: Blobs) -> set[str]:
    return {blob.key for folder in ("jobs", "styles", "painters", "grams") for blob in blobs.listing(folder)}


def submit(database: Database, id: str) -> None:
    Queue(database, Limits()).submit(Submission(id, REQUEST))


def saved(presets: Presets, count: int) -> list[str]:
    picture = check_image(png(np.zeros((20, 20, 3), np.uint8)))
    return [presets.put(f"style-{i}", "", [StyleImage(picture)])[0].version for i in range(count)]


def end_retention(database: Database) -> None:
    """Let the retention of all former states of presets be over."""
    with database.writing() as session:
        session.execute(update(PresetVersionRow).values(ended_at=0.0))


def left_over(blobs: Blobs, count: int) -> None:
    """Files of jobs that never had a row, as ordinary failures leave them."""
    for i in range(count):
        blobs.put(f"jobs/lost-{i}/content", b"1")
