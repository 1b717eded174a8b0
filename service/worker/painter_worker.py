"""A painter worker: a process without the model, in which presets' painters paint at once. It needs no torch."""

from __future__ import annotations

from collections.abc import Callable

from service.config import Settings
from service.jobs.leases import Claim
from service.machine.memory import Capacity
from service.painters.sessions import Painters
from service.storage.lanes import PAINT
from service.worker.job import JobRun
from service.worker.loop import WorkerLoop
from service.worker.paint import PaintRun
from service.worker.reporter import Reporter


class PainterWorker(WorkerLoop):
    """The painter worker of one process; it claims no other jobs than transfers that painters paint alone."""

    lane = PAINT

    def __init__(self, settings: Settings, stopping: Callable[[], bool]) -> None:
        super().__init__(settings, stopping)
        self.capacity = Capacity(settings.job_memory, "float32")
        self._painters = Painters(settings.painter_threads, settings.painter_memory)

    def cached(self) -> int:
        return self._painters.memory

    def make_run(self, claim: Claim, reporter: Reporter) -> JobRun:
        return PaintRun(self._leases, self._blobs, self.capacity, claim, reporter, self._painters)
