"""The class that carries out each kind of job."""

from __future__ import annotations

from service.worker.job import JobRun
from service.worker.tasks import PackRun, ScoreRun, WarmRun
from service.worker.transfer import TransferRun

RUN_CLASSES: dict[str, type[JobRun]] = {
    "transfer": TransferRun,
    "score": ScoreRun,
    "warm": WarmRun,
    "pack": PackRun,
}
"""A class for each of the KINDS of service.storage.schema."""
