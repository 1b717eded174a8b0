"""A transfer: its pictures are painted one after another; each is stored before the next begins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from service.decoding import files
from service.decoding.decoded import DecodedFiles
from service.engine.checkpoint import Checkpoint, UnusableCheckpoint
from service.engine.stage import Memo
from service.engine.stylize import Progress
from service.errors import DamagedFile
from service.jobs.leases import LeaseLost
from service.jobs.memory_check import check_memory, kept_decoded
from service.jobs.request import RESULT, Painting, TransferRequest
from service.options import TransferOptions
from service.painting.order import Order
from service.painting.outcome import Outcome
from service.pictures import images, sheet
from service.pictures.cutout import shown
from service.pictures.images import Alpha, Picture
from service.storage.pictures import StoredFile
from service.storage.records import DonePicture, JobProgress, TransferResult
from service.telemetry.iterations import IterationCount
from service.worker.content import Content
from service.worker.job import JobRun
from service.worker.reporter import read_checkpoint

logger = logging.getLogger(__name__)


class TransferRun(JobRun):
    """Transfer: paint the requested pictures. Pictures that an earlier worker has finished are kept."""

    def work(self) -> None:
        request = TransferRequest.from_json(self.claim.request)
        request.check_options()
        check_memory(request, {self.capacity})
        done = list(self.claim.checkpoint.done) if self.claim.checkpoint else []
        resume, work = read_checkpoint(self.blobs, self.claim, Checkpoint.from_bytes), _Work(request.paintings)
        if len(whole := self._whole(done)) < len(done):
            done, resume = whole, None
            self.reporter.begin(done, work.at(len(done)))
        content = cache(partial(self.content, request))
        decoded = DecodedFiles(kept_decoded(request, self.capacity))
        memo: Memo = {}
        several = len(request.paintings) > 1
        for k in range(len(done), len(request.paintings)):
            painting = request.paintings[k]
            if k and _of_content(painting.options) != _of_content(request.paintings[k - 1].options):
                memo = {}
            order = replace(self.order(content(), painting, decoded), resume=resume, memo=memo if several else None)
            outcome = self._painted(order, work.overall(k))
            resume = None
            self.reporter.delivered(_seen(outcome.result.picture, order.alpha))
            done.append(self._kept(k, order, outcome))
            if len(done) < len(request.paintings):
                self.reporter.begin(done, work.at(len(done)))
        try:
            self._finish(request, done, content)
        except LeaseLost:
            self.blobs.delete(done[-1].blob)  # no other worker's checkpoint can name it
            raise

    def _whole(self, done: list[DonePicture]) -> list[DonePicture]:
        """Return the finished pictures up to the first damaged one, which is painted again."""
        for k, picture in enumerate(done):
            try:
                self.read(picture)
            except DamagedFile as error:
                logger.warning("job %s: picture %d is painted again: %s", self.claim.id, k, error.detail)
                return done[:k]
        return done

    def _painted(self, order: Order, overall: Callable[[Progress], Progress]) -> Outcome:
        done = IterationCount(order.resume.before + order.resume.iteration if order.resume else 0)

        def on_progress(progress: Progress) -> None:
            done.report(progress.iteration, progress.size)
            self.reporter.on_progress(_over_white(overall(progress), order.alpha))

        try:
            outcome = self.stylist.transfer(order, on_progress, self.reporter.on_tick)
        except UnusableCheckpoint:
            logger.exception("job %s: its checkpoint can't be used; starting anew", self.claim.id)
            outcome = self.stylist.transfer(replace(order, resume=None), on_progress, self.reporter.on_tick)
        self.reporter.on_tick()
        return outcome

    def _kept(self, k: int, order: Order, outcome: Outcome) -> DonePicture:
        """Store a picture; return it as the job's result holds it."""
        result, options = outcome.result, order.options
        data = images.encode(result.picture, options.format, options.quality, order.alpha)
        height, width = result.picture.shape[:2]
        return DonePicture(
            blob=self.keep(f"{RESULT}-{self.claim.fence}-{k}.{options.format}", data),
            sha256=images.digest(data),
            width=width,
            height=height,
            media_type=images.MEDIA_TYPES[options.format],
            losses=vars(result.losses),
            iterations=result.iterations,
            stopped=result.stopped,
            style_s=outcome.style_s,
            optimize_s=outcome.optimize_s,
            style_cache=outcome.style_cache,
            bytes=len(data),
        )

    def _finish(self, request: TransferRequest, done: list[DonePicture], content: Callable[[], Content]) -> None:
        timings = {
            "style_s": round(sum(picture.style_s for picture in done), 3),
            "optimize_s": round(sum(picture.optimize_s for picture in done), 3),
        }
        lookups = {picture.style_cache for picture in done}
        cache = lookups.pop() if len(lookups) == 1 else "partial"
        stored, sheet_file = sum(picture.bytes for picture in done), None
        if request.variants:
            data = self._sheet(request, done, content)
            sheet_file = StoredFile(self.keep(f"sheet-{self.claim.fence}.jpg", data), images.digest(data))
            stored += len(data)
        pictures = tuple(picture.picture() for picture in done)
        result = TransferResult(pictures, sum(picture.iterations for picture in done), sheet_file)
        self.leases.succeed(self.claim, result, timings, cache, stored)

    def _sheet(self, request: TransferRequest, done: list[DonePicture], content: Callable[[], Content]) -> bytes:
        cells: list[tuple[str, Callable[[], Picture]]] = [("content", lambda: content().cell)]
        for painting, picture in zip(request.variants, done, strict=True):
            cells.append((painting.label, partial(self._shown, picture)))
        return sheet.contact_sheet(cells)

    def _shown(self, file: StoredFile) -> Picture:
        self.reporter.on_tick()
        return files.decode(self.read(file), self.reporter.on_tick)


def _of_content(options: TransferOptions) -> Any:
    """Return the options that decide which features of the content are needed.

    The features are kept while consecutive pictures agree in them, and no longer, as they are large.
    """
    return options.alpha, options.color == "luminance", sorted(options.content_layers)


def _over_white(progress: Progress, alpha: Alpha | None) -> Progress:
    """Return the progress with its picture as it will be seen: colours under transparent places stay hidden."""
    return replace(progress, picture=lambda: _seen(progress.picture(), alpha))


def _seen(picture: Picture, alpha: Alpha | None) -> Picture:
    return picture if alpha is None else shown(picture, alpha)


class _Work:
    """The work of a whole transfer, in iterations: those of each picture, and one more for the rest of its work."""

    def __init__(self, paintings: Sequence[Painting]) -> None:
        self._iterations = [painting.options.iterations for painting in paintings]
        self._work = [count + 1 for count in self._iterations]

    def at(self, k: int) -> JobProgress:
        """Return the job's progress when picture `k` begins, without losses."""
        return JobProgress(sum(self._iterations[:k]), round(sum(self._work[:k]) / sum(self._work), 4))

    def overall(self, k: int) -> Callable[[Progress], Progress]:
        """Return a function from the progress of picture `k` to the whole transfer's."""
        before, total = sum(self._iterations[:k]), sum(self._iterations)
        work_before, work, all_work = sum(self._work[:k]), self._work[k], sum(self._work)

        def overall(progress: Progress) -> Progress:
            fraction = (work_before + work * progress.fraction) / all_work
            return replace(progress, iteration=before + progress.iteration, iterations=total, fraction=fraction)

        return overall
