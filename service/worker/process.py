"""A worker process with the model: it carries out any job, sends webhooks and sweeps up."""

from __future__ import annotations

import time
from collections.abc import Callable

from service.config import Settings
from service.jobs.leases import Claim
from service.machine.memory import Capacity
from service.painting.stylist import EngineInfo, Stylist
from service.storage.kinds import LEARN
from service.storage.lanes import ENGINE, PAINT
from service.webhooks.dispatcher import WebhookDispatcher
from service.worker.job import JobRun
from service.worker.kinds import RUN_CLASSES
from service.worker.learn import LearnRun
from service.worker.loop import WorkerLoop
from service.worker.paint import PaintRun
from service.worker.reporter import Reporter
from service.worker.sweep import sweep

SWEEP_S = 3600.0  # seconds between two sweeps; fewer for a short retention
SHORT_SWEEP_S = 60.0  # seconds between two sweeps if the disk is short, much is written, or one took too long
WRITTEN_SHARE = 8  # one part in so many of NST_GRAM_DISK_MB, after which Gram matrices are swept sooner


class Worker(WorkerLoop):
    """The worker of one process, with its model loaded."""

    lane = ENGINE

    def __init__(self, settings: Settings, stopping: Callable[[], bool]) -> None:
        super().__init__(settings, stopping)
        self._blobs.floor = settings.disk_floor
        self._stylist = Stylist.from_settings(settings, self._blobs)
        self.capacity = _capacity(settings, self._stylist.info)
        self.engine, self.model = self._stylist.info.as_dict(), self._stylist.info.model
        self._dispatcher = WebhookDispatcher(settings, self._database, self._blobs)
        self._next_sweep = self._hurried_sweep = 0.0
        self._removal: str | None = None  # of Gram matrices, the last one that this process knows of

    def start(self) -> None:
        self._dispatcher.start()
        super().start()

    def close(self) -> None:
        self._dispatcher.stop()
        super().close()

    def cached(self) -> int:
        return self._stylist.cached

    def give_back_memory(self) -> None:
        super().give_back_memory()
        self._stylist.give_back_memory()

    def make_run(self, claim: Claim, reporter: Reporter) -> JobRun:
        if claim.removal != self._removal:
            self._stylist.forget_grams()
            self._removal = claim.removal
        needs = (self._leases, self._blobs, self.capacity, claim, reporter)
        if claim.lane == PAINT:
            return PaintRun(*needs, self._stylist.painters)
        if claim.kind == LEARN:
            return LearnRun(*needs, self._stylist, self._settings.photos)
        return RUN_CLASSES[claim.kind](*needs, self._stylist)

    def before_claim(self) -> None:
        """Sweep if it is time; sooner while a disk is short of room, something is left, or many Grams are new."""
        clock, gram_bytes = time.monotonic(), self._settings.gram_disk
        is_much = self._blobs.cached > gram_bytes / WRITTEN_SHARE
        if clock < self._hurried_sweep or (clock < self._next_sweep and not is_much and not self._disks.shortage()):
            return
        self._blobs.cached = 0
        wait = min(SWEEP_S, max(1.0, self._settings.retention / 4))
        soon = min(wait, SHORT_SWEEP_S)
        self._next_sweep, self._hurried_sweep = clock + wait, clock + soon
        if sweep(self._database, self._blobs, gram_bytes, self._settings.retention, self._disks.blobs_shortage()):
            self._next_sweep = self._hurried_sweep = time.monotonic() + soon


def _capacity(settings: Settings, info: EngineInfo) -> Capacity:
    """Return this worker's capacity. The memory that a job takes on a GPU isn't known."""
    return Capacity(settings.job_memory if info.device == "cpu" else None, info.precision)
