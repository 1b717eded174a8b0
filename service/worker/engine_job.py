"""Jobs that need the model."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from service.engine.checkpoint import UnusableCheckpoint
from service.engine.stylize import Progress
from service.errors import DatabaseError, JobFailed
from service.jobs.request import StoredStyle
from service.jobs.scheduling import BEHIND
from service.painting.order import Order
from service.painting.outcome import Outcome
from service.painting.stylist import Stylist
from service.pictures.images import Alpha
from service.styles.preset_files import is_pack_of
from service.styles.style import Style
from service.telemetry.iterations import IterationCount
from service.worker.job import JobRun
from service.worker.reporter import Stopping
from service.worker.series import seen

logger = logging.getLogger(__name__)

LOOK_S = 1.0  # seconds between two looks whether other jobs wait


@dataclass(eq=False)
class EngineRun(JobRun):
    """Base of jobs that the engine carries out, or that share its process.

    Attributes:
        gives_way: whether a job that comes before it may break it off now, if it is of a kind that gives way.
    """

    stylist: Stylist
    gives_way: bool = field(default=True, init=False)

    def carry_out(self) -> None:
        """Do the work as any job's; style images that it computes with count in its meter, and Grams as progress."""
        with self.stylist.watched(self):
            super().carry_out()

    def computing(self, pixels: int) -> None:
        """Count a style image whose Grams are going to be computed."""
        self.claim.meter.count_style(pixels)

    def at_hand(self) -> None:
        """Count Grams that are in the cache. Raises as the reporter's on_tick."""
        self.reporter.on_grams()

    def on_tick(self) -> None:
        """Note a step of the job. Raises as the reporter's; Stopping too where a job that comes before it waits."""
        super().on_tick()
        if self.claim.kind in BEHIND and self.gives_way:
            self._give_way()

    @cached_property
    def _give_way(self) -> Callable[[], None]:
        return PeriodicCheck(LOOK_S, lambda: self.leases.must_give_way(self.claim), Stopping)

    def painted(self, order: Order, overall: Callable[[Progress], Progress]) -> Outcome:
        """Carry out an order, from its checkpoint on if there is one; `overall` turns its progress into the job's.

        Each evaluation counts when it has been computed, and a painter's pass as one when it begins.
        """
        done = IterationCount(order.resume.before + order.resume.iteration if order.resume else 0)
        meter = self.claim.meter

        def on_progress(progress: Progress) -> None:
            done.report(progress.iteration, progress.size)
            self.reporter.on_progress(_over_white(overall(progress), order.alpha))

        try:
            outcome = self.stylist.transfer(order, on_progress, self.on_tick, meter.count)
        except UnusableCheckpoint:
            logger.exception("job %s: its checkpoint can't be used; starting anew", self.claim.id)
            outcome = self.stylist.transfer(replace(order, resume=None), on_progress, self.on_tick, meter.count)
        self.on_tick()
        return outcome

    def style(self, style: StoredStyle) -> Style:
        """Return a style as the engine uses it. Raises JobFailed for a pack of another model."""
        if style.pack is not None and not is_pack_of(style.pack.blob, self.stylist.info.model):
            raise JobFailed(f"the pack of {style.preset!r} is of another model than this worker's")
        return super().style(style)


def _over_white(progress: Progress, alpha: Alpha | None) -> Progress:
    """Return the progress with its picture as it will be seen."""
    return replace(progress, picture=lambda: seen(progress.picture(), alpha))


class PeriodicCheck:
    """A check that raises `error` where `look` finds that it has to; it looks at once, then every `seconds`.

    `look` reads the database.
    """

    def __init__(self, seconds: float, look: Callable[[], bool], error: type[Exception]) -> None:
        self._seconds = seconds
        self._look = look
        self._error = error
        self._looked = -math.inf

    def __call__(self) -> None:
        if time.monotonic() < self._looked + self._seconds:
            return
        self._looked = time.monotonic()
        with suppress(DatabaseError):  # the reporter logs it
            if self._look():
                raise self._error
