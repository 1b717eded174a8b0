"""Comparison: the losses of a painter that has learned, beside the optimiser's."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from itertools import islice

from service.decoding import files
from service.engine.checkpoint import Checkpoint
from service.engine.stylize import Progress
from service.errors import StorageError
from service.jobs.memory_check import judging_fits
from service.jobs.tasks import COMPARED, CompareTask
from service.painters.photographs import draw_pictures
from service.painting.order import Order
from service.pictures import images
from service.pictures.images import Picture
from service.storage.records import DonePicture, JobProgress, TaskResult
from service.storage.typed_json import Json
from service.worker.checkpoints import read_checkpoint
from service.worker.reporter import Canceled
from service.worker.tasks import WantedRun

logger = logging.getLogger(__name__)

SEED = 2
LOSSES = ("total", "content", "style")


class CompareRun(WantedRun):
    """Comparison: paint some pictures by the painter and by the optimiser, from the checkpoint on if there is one.

    It is canceled where the preset hasn't the painter any more.
    """

    @cached_property
    def _task(self) -> CompareTask:
        return CompareTask.from_json(self.claim.request)

    def is_wanted(self) -> bool:
        return self.painters.has(self._task.version, self._task.style.painter)

    def work(self) -> None:
        task = self._task
        try:
            self.check_wanted()
            if judging_fits(task.style.sized(), task.size, self.capacity):
                self.painters.judge(task.version, task.style.painter, self._judged(task))
            else:
                logger.info("job %s: a painter isn't judged: that takes more memory than there is", self.claim.id)
            self.leases.succeed(self.claim, TaskResult())
        except Canceled:
            self._remove_photos()
            raise
        self._remove_photos()

    def _remove_photos(self) -> None:
        with suppress(StorageError):  # they would go with the learning's job
            for photo in self._task.photos:
                self.blobs.delete(photo.blob)

    def _judged(self, task: CompareTask) -> Json:
        """Return the mean losses of the painter and of the optimiser over the same pictures."""
        methods = task.methods
        done = self.done_before()
        resume = read_checkpoint(self.blobs, self.claim, Checkpoint.from_bytes)
        orders = ((content, options) for content in self._contents(task) for options in methods.values())
        for content, options in islice(orders, len(done), None):
            order = Order(content, [self.style(task.style)], options, resume=resume)
            done.append(self._painted(order, done, COMPARED * len(methods)))
            self.reporter.begin(done, _progress(done, COMPARED * len(methods)))
            resume = None
        return {name: _mean(done[k :: len(methods)]) for k, name in enumerate(methods)}

    def _contents(self, task: CompareTask) -> Iterator[Picture]:
        """Yield COMPARED pictures of the wanted size: photographs, then drawn ones where there are too few."""
        for photo in task.photos:
            yield files.decode(self.read(photo), self.on_tick)
        for picture in draw_pictures(COMPARED - len(task.photos), SEED):
            self.on_tick()
            yield images.resize_long_edge(picture, task.size)

    def _painted(self, order: Order, done: Sequence[DonePicture], total: int) -> DonePicture:
        """Paint one of `total` pictures, of which some are done; return what is known of it, without a file."""
        before = _progress(done, total)

        def overall(progress: Progress) -> Progress:
            fraction = before.fraction + progress.fraction / total
            return replace(progress, iteration=before.iteration + progress.iteration, fraction=fraction)

        result = self.painted(order, overall).result
        return DonePicture(losses=vars(result.losses), iterations=result.iterations)


def _progress(done: Sequence[DonePicture], total: int) -> JobProgress:
    return JobProgress(sum(picture.iterations for picture in done), round(len(done) / total, 4))


def _mean(done: Sequence[DonePicture]) -> dict[str, float]:
    found = [picture.losses or {} for picture in done]
    return {name: sum(losses[name] for losses in found) / len(found) for name in LOSSES}
