"""The class that carries out each kind of job, for the kinds that need nothing but the model."""

from __future__ import annotations

from service.storage.kinds import COMPARE, JUDGE, ONNX, PACK, SCORE, TRANSFER, WARM
from service.worker.compare import CompareRun
from service.worker.engine_job import EngineRun
from service.worker.judge import JudgeRun
from service.worker.onnx_file import OnnxRun
from service.worker.score import ScoreRun
from service.worker.tasks import PackRun, WarmRun
from service.worker.transfer import TransferRun

RUN_CLASSES: dict[str, type[EngineRun]] = {
    TRANSFER: TransferRun,
    SCORE: ScoreRun,
    WARM: WarmRun,
    PACK: PackRun,
    ONNX: OnnxRun,
    JUDGE: JudgeRun,
    COMPARE: CompareRun,
}
"""Kind -> class; each of service.storage.kinds has one, but LEARN: its class needs more than the model."""
