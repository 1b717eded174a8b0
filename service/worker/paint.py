"""A transfer that painters paint alone, without the model: their losses follow, see service.worker.judge."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from service.jobs.memory_check import check_painting_memory
from service.jobs.request import TransferRequest
from service.painters.sessions import Painters
from service.painting.guided_order import GuidedOrder
from service.painting.order import Order
from service.worker.series import Made, Make, SeriesRun


@dataclass(eq=False)
class PaintRun(SeriesRun):
    """Transfer: paint the requested pictures."""

    judge: ClassVar[bool] = True
    painters: Painters

    def check_memory(self, request: TransferRequest) -> int:
        return check_painting_memory(request, {self.capacity})

    def maker(self, request: TransferRequest, *, resumes: bool) -> Make:
        return self._make

    def _make(self, k: int, order: Order) -> Made:
        begun = time.monotonic()
        picture = GuidedOrder(order, self.reporter.on_tick).painted(self.painters, self.claim.meter.count)
        self.reporter.on_tick()
        return Made(picture, optimize_s=time.monotonic() - begun)
