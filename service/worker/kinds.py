"""The class that carries out each kind of job."""

from __future__ import annotations

from service.storage.kinds import LEARN, ONNX, PACK, SCORE, TRANSFER, WARM
from service.worker.job import JobRun
from service.worker.learn import LearnRun
from service.worker.onnx_file import OnnxRun
from service.worker.tasks import PackRun, ScoreRun, WarmRun
from service.worker.transfer import TransferRun

RUN_CLASSES: dict[str, type[JobRun]] = {
    TRANSFER: TransferRun,
    SCORE: ScoreRun,
    WARM: WarmRun,
    PACK: PackRun,
    LEARN: LearnRun,
    ONNX: OnnxRun,
}
"""Kind -> class; each of service.storage.kinds has one."""
