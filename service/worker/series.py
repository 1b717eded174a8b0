"""The pictures of a transfer, made one after another; each is stored before the next begins. It needs no torch."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import ClassVar, TypeVar

from service.decoding import files
from service.decoding.decoded import DecodedFiles
from service.errors import DamagedFile
from service.jobs.leases import LeaseLost
from service.jobs.request import RESULT, SHEET, TransferRequest
from service.jobs.tasks import JudgeTask
from service.painting.order import Order
from service.pictures import images, sheet
from service.pictures.cutout import shown
from service.pictures.images import Alpha, Picture
from service.storage.records import DonePicture, JobProgress, Preview, TransferResult
from service.storage.stored_files import StoredFile
from service.worker.content import Content
from service.worker.job import JobRun

logger = logging.getLogger(__name__)

T = TypeVar("T", bound="str | None")


@dataclass(frozen=True, eq=False)
class Made:
    """A picture that was made, and what its record says of it, see DonePicture."""

    picture: Picture
    losses: Mapping[str, float] | None = None
    iterations: int = 0
    stopped: str = "iterations"
    style_s: float = 0.0
    optimize_s: float = 0.0
    style_cache: str | None = None


Make = Callable[[int, Order], Made]
"""The number of a picture and its order -> the picture."""


class SeriesRun(JobRun):
    """Base of transfers: make the requested pictures. Those that an earlier worker has finished are kept.

    `judge` says whether the losses follow.
    """

    judge: ClassVar[bool] = False

    @abstractmethod
    def check_memory(self, request: TransferRequest) -> int:
        """Return how many bytes of decoded pictures may be kept. Raises DoesNotFit."""

    @abstractmethod
    def maker(self, request: TransferRequest, *, resumes: bool) -> Make:
        """Return what makes the pictures; `resumes` says whether the job's checkpoint is of the first to be made."""

    def work(self) -> None:
        request = TransferRequest.from_json(self.claim.request)
        request.check_options()
        decoded = DecodedFiles(self.check_memory(request))
        content = cache(partial(self.content, request))
        done, last = self.done_before(), None
        whole = self._whole(done)
        make = self.maker(request, resumes=len(whole) == len(done))
        if len(whole) < len(done):
            done = whole
            self.reporter.begin(done, progress_at(request, len(done)))
        for k in range(len(done), len(request.paintings)):
            order = self.order(content(), request.paintings[k], decoded)
            made = make(k, order)
            last = self._show(seen(made.picture, order.alpha), is_last=k == len(request.paintings) - 1)
            done.append(self._kept(k, order, made))
            if len(done) < len(request.paintings):
                self.reporter.begin(done, progress_at(request, len(done)))
        try:
            self._finish(request, done, content, last)
        except LeaseLost:
            self.blobs.delete(done[-1].blob)  # no other worker's checkpoint can name it
            raise

    def _show(self, picture: Picture, *, is_last: bool) -> Preview | None:
        """Show a finished picture as the preview; return that of the last one, which the job's end reports."""
        if is_last:
            return self.reporter.last_preview(picture)
        self.reporter.delivered(picture)
        return None

    def _whole(self, done: list[DonePicture]) -> list[DonePicture]:
        """Return the finished pictures up to the first damaged one, which is made again."""
        for k, picture in enumerate(done):
            try:
                self.read(picture)
            except DamagedFile as error:
                logger.warning("job %s: picture %d is painted again: %s", self.claim.id, k, error.detail)
                return done[:k]
        return done

    def _kept(self, k: int, order: Order, made: Made) -> DonePicture:
        """Store a picture; return it as the job's result holds it."""
        options = order.options
        data = images.encode(made.picture, options.format, options.quality, order.alpha)
        height, width = made.picture.shape[:2]
        return DonePicture(
            blob=self.keep(f"{RESULT}-{self.claim.fence}-{k}.{options.format}", data),
            sha256=images.digest(data),
            width=width,
            height=height,
            media_type=images.MEDIA_TYPES[options.format],
            losses=made.losses,
            iterations=made.iterations,
            stopped=made.stopped,
            style_s=made.style_s,
            optimize_s=made.optimize_s,
            style_cache=made.style_cache,
            bytes=len(data),
        )

    def _finish(
        self,
        request: TransferRequest,
        done: list[DonePicture],
        content: Callable[[], Content],
        preview: Preview | None,
    ) -> None:
        timings = {
            "style_s": round(sum(picture.style_s for picture in done), 3),
            "optimize_s": round(sum(picture.optimize_s for picture in done), 3),
        }
        cache = joint_cache([picture.style_cache for picture in done])
        sizes, sheet_file = [picture.bytes for picture in done], None
        if request.variants:
            data = self._sheet(request, done, content)
            sheet_file = StoredFile(self.keep(f"{SHEET}-{self.claim.fence}.jpg", data), images.digest(data))
            sizes.append(len(data))
        pictures = tuple(picture.picture() for picture in done)
        result = TransferResult(pictures, sum(picture.iterations for picture in done), sheet_file)
        then = JudgeTask(self.claim.id, request) if self.judge else None
        self.leases.succeed(self.claim, result, timings, cache, sizes, preview=preview, then=then)

    def _sheet(self, request: TransferRequest, done: list[DonePicture], content: Callable[[], Content]) -> bytes:
        cells: list[tuple[str, Callable[[], Picture]]] = [("content", lambda: content().cell())]
        for painting, picture in zip(request.variants, done, strict=True):
            cells.append((painting.label, partial(self._shown, picture)))
        return sheet.contact_sheet(cells)

    def _shown(self, file: StoredFile) -> Picture:
        self.reporter.on_tick()
        return files.decode(self.read(file), self.reporter.on_tick)


def seen(picture: Picture, alpha: Alpha | None) -> Picture:
    """Return a picture as it will be seen: colours under transparent places stay hidden."""
    return picture if alpha is None else shown(picture, alpha)


def joint_cache(found: Sequence[T]) -> T | str:
    """Return what the Gram cache had for several pictures together, from what it had for each."""
    return found[0] if len(set(found)) == 1 else "partial"


def progress_at(request: TransferRequest, k: int) -> JobProgress:
    """Return a transfer's progress when picture `k` begins, without losses."""
    work = shares(request)
    return JobProgress(iterations_before(request, k), round(sum(work[:k]) / sum(work), 4))


def iterations_before(request: TransferRequest, k: int) -> int:
    """Return the iterations of the pictures before picture `k`."""
    return sum(painting.options.iterations for painting in request.paintings[:k])


def shares(request: TransferRequest) -> list[int]:
    """Return the work of each picture, in iterations; one more stands for the rest of its work."""
    return [painting.options.iterations + 1 for painting in request.paintings]
