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


class TransferRun(SeriesRun, EngineRun):
    """Transfer: optimise the requested pictures, from the checkpoint on if there is one."""

    def check_memory(self, request: TransferRequest) -> int:
        check_memory(request, {self.capacity})
        return kept_decoded(request, self.capacity)

    def maker(self, request: TransferRequest, *, resumes: bool) -> Make:
        resume = read_checkpoint(self.blobs, self.claim, Checkpoint.from_bytes) if resumes else None
        memo: Memo = {}
        several = len(request.paintings) > 1

        def make(k: int, order: Order) -> Made:
            nonlocal resume, memo
            if k and of_content(request.paintings[k].options) != of_content(request.paintings[k - 1].options):
                memo = {}
            order = replace(order, resume=resume, memo=memo if several else None)
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


def of_content(options: TransferOptions) -> tuple[object, ...]:
    """Return the options that decide which features of the content are needed.

    The features are kept while consecutive pictures agree in them, and no longer, as they are large.
    """
    return options.alpha, options.color == "luminance", tuple(sorted(options.content_layers))


def _overall(request: TransferRequest, k: int) -> Callable[[Progress], Progress]:
    """Return a function from the progress of picture `k` to the whole transfer's."""
    before, total = iterations_before(request, k), request.iterations
    work = shares(request)
    work_before, own, all_work = sum(work[:k]), work[k], sum(work)

    def overall(progress: Progress) -> Progress:
        fraction = (work_before + own * progress.fraction) / all_work
        return replace(progress, iteration=before + progress.iteration, iterations=total, fraction=fraction)

    return overall
