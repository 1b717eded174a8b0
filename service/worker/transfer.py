"""A transfer that the engine carries out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from service.engine.checkpoint import Checkpoint
from service.engine.stage import Memo
from service.engine.stylize import Progress
from service.jobs.memory_check import check_memory, kept_decoded
from service.jobs.request import TransferRequest
from service.options import TransferOptions
from service.painting.order import Order
from service.painting.outcome import Outcome
from service.worker.checkpoints import read_checkpoint
from service.worker.engine_job import EngineRun
from service.worker.series import Made, Make, SeriesRun, iterations_before, shares


class ContentMemo:
    """The content image's features, kept while consecutive pictures need the same ones: they are large."""

    def __init__(self) -> None:
        self._needed: tuple[object, ...] = ()
        self._memo: Memo = {}

    def of(self, options: TransferOptions) -> Memo:
        """Return the memo for the next picture, whose options these are."""
        needed = (options.alpha, options.color == "luminance", tuple(sorted(options.content_layers)))
        if needed != self._needed:
            self._needed, self._memo = needed, {}
        return self._memo


class TransferRun(SeriesRun, EngineRun):
    """Transfer: optimise the requested pictures, from the checkpoint on if there is one."""

    def check_memory(self, request: TransferRequest) -> int:
        check_memory(request, {self.capacity})
        return kept_decoded(request, self.capacity)

    def maker(self, request: TransferRequest, *, resumes: bool) -> Make:
        resume = read_checkpoint(self.blobs, self.claim, Checkpoint.from_bytes) if resumes else None
        memos = ContentMemo() if len(request.paintings) > 1 else None

        def make(k: int, order: Order) -> Made:
            nonlocal resume
            order = replace(order, resume=resume, memo=memos.of(request.paintings[k].options) if memos else None)
            resume = None
            return _made(self.painted(order, _overall(request, k)))

        return make


def _made(outcome: Outcome) -> Made:
    result = outcome.result
    return Made(
        result.picture,
        vars(result.losses),
        result.iterations,
        result.stopped,
        outcome.style_s,
        outcome.optimize_s,
        outcome.style_cache,
    )


def _overall(request: TransferRequest, k: int) -> Callable[[Progress], Progress]:
    """Return a function from the progress of picture `k` to the whole transfer's."""
    before, total = iterations_before(request, k), request.iterations
    work = shares(request)
    work_before, own, all_work = sum(work[:k]), work[k], sum(work)

    def overall(progress: Progress) -> Progress:
        fraction = (work_before + own * progress.fraction) / all_work
        return replace(progress, iteration=before + progress.iteration, iterations=total, fraction=fraction)

    return overall
