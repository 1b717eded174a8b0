"""The meter of a job: what its attempts cost, for its caller and for operators."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from service.decoding.taken import FOR_JOBS
from service.jobs.cost import MEGAPIXEL
from service.machine.beside import BESIDE
from service.storage.kinds import LEARN
from service.storage.records import JobUsage
from service.storage.schema import JobRow

READING = 100  # pixels of files that are read in the time of one evaluation of a pixel


def cpu_time() -> float:
    """Return the CPU seconds of this process and its decoders; what threads do beside its jobs doesn't count."""
    others = BESIDE.seconds()
    return time.process_time() + FOR_JOBS.cpu_s - others


@dataclass
class Meter:
    """The cost of an attempt at a job so far.

    Attributes:
        before: the cost of the attempts before.
        evaluated_before: the megapixel-evaluations that these took for the job's pictures.
        clock: a clock in seconds: of CPU time for jobs, or of the time itself where a GPU computes.
        evaluated: pixels times evaluations of this attempt.
        style_pixels: pixels of the style images whose Gram matrices it computed, in each of their sizes.
        reads: whether the files count that are decoded for it.
    """

    before: JobUsage = JobUsage()
    evaluated_before: float = 0.0
    clock: Callable[[], float] = cpu_time
    evaluated: int = 0
    style_pixels: int = 0
    reads: bool = True
    _begun: float = field(init=False)
    _decoded: int = field(init=False)

    def __post_init__(self) -> None:
        self._begun, self._decoded = self.clock(), FOR_JOBS.pixels

    def count(self, pixels: int) -> None:
        """Count an evaluation."""
        self.evaluated += pixels

    def count_style(self, pixels: int) -> None:
        """Count a style image that goes through the network: as one evaluation."""
        self.style_pixels += pixels

    def stop(self) -> None:
        """Count no more seconds: the job has ended, though its row may not say so for a while."""
        ended_at = self.clock()
        self.clock = lambda: ended_at

    @property
    def carried_out(self) -> float:
        """The megapixel-evaluations of all attempts until now, those of style images aside."""
        return self.evaluated_before + self.evaluated / MEGAPIXEL

    def usage(self) -> JobUsage:
        """Return the cost of all attempts until now."""
        read = (FOR_JOBS.pixels - self._decoded) / READING if self.reads else 0
        megapixels = (self.evaluated + self.style_pixels + read) / MEGAPIXEL
        return replace(
            self.before,
            megapixel_evaluations=round(self.before.megapixel_evaluations + megapixels, 6),
            compute_s=round(self.before.compute_s + max(0.0, self.clock() - self._begun), 3),
        )


def meter_for(row: JobRow, engine: dict[str, str] | None) -> Meter:
    """Return the meter of a new attempt at a job, by a worker of this engine.

    What a learning reads doesn't count: its minutes do, by which it is planned.
    """
    on_gpu = engine is not None and engine.get("device") == "cuda"
    clock = time.monotonic if on_gpu else cpu_time
    return Meter(row.usage or JobUsage(), row.evaluated or 0.0, clock, reads=row.kind != LEARN)
