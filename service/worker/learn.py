"""Learning: the kind of job that trains a painter for a preset."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from pathlib import Path

from service.decoding import files
from service.engine.losses import Losses
from service.errors import BlobNotFound, BlobsGone, DamagedFile, DatabaseError, InvalidInput, JobFailed
from service.jobs.leases import LeaseLost, Leases
from service.jobs.memory_check import check_learning_memory, grams_fit, judging_fits
from service.jobs.tasks import MAX_PHOTOS, LearnTask
from service.options import TransferOptions
from service.painters.course import Course, Grams, LearningDiverged, Material
from service.painters.lessons import learned_sizes
from service.painters.photographs import draw_pictures
from service.painters.starters import painters_of
from service.painting.order import Order
from service.pictures import images
from service.pictures.images import Picture
from service.pictures.sizes import photo_size_errors, style_size_errors
from service.storage.pictures import StoredImage
from service.storage.records import PresetPainter, TaskResult
from service.storage.typed_json import Json
from service.styles.preset_painters import PresetPainters, painter_blob, painter_folder
from service.worker.checkpoints import read_checkpoint
from service.worker.left_behind import left_behind
from service.worker.onnx_file import preset_onnx
from service.worker.photographs import Photographs, Source, decode_file, files_in
from service.worker.reporter import Canceled, Overdue, Stopping
from service.worker.tasks import NamedRun

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0  # seconds that other jobs wait before a learning gives way
LOOK_S = 1.0  # seconds between two checks whether other jobs wait
JUDGED = 2  # pictures on which the painter is judged beside the optimiser
SHOWN = 4  # pictures of the preview
SEED = 2


@dataclass(frozen=True)
class _State:
    """A learning's state after a step, for the reporter."""

    course: Course
    losses: Losses
    picture: Callable[[], Picture]
    level: int = 0

    @property
    def iteration(self) -> int:
        return self.course.steps

    @property
    def fraction(self) -> float:
        return self.course.fraction

    def checkpoint(self) -> Course:
        return self.course


class _Courtesy:
    """A check that raises Stopping if another job has waited PATIENCE_S for a worker; it looks once in LOOK_S."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._looked = -math.inf

    def __call__(self) -> None:
        if time.monotonic() < self._looked + LOOK_S:
            return
        self._looked = time.monotonic()
        with suppress(DatabaseError):  # the reporter logs it
            if self._leases.others_wait(PATIENCE_S):
                raise Stopping


class LearnRun(NamedRun):
    """Learning: resumes at its checkpoint, and gives way to every other job that waits, until its painter is stored.

    In each claim it first comes further, by a step or by Grams that stay in the cache. So it ends however often other
    jobs come.

    Attributes:
        photos: folder of the operator's photographs, if there is one.
        gives_way: whether it has taken a step in this claim.
    """

    photos: Path | None = None
    gives_way = False
    final_errors = (BlobNotFound, DamagedFile)  # when there is room again, it goes on at its checkpoint

    def work(self) -> None:
        task = LearnTask.from_json(self.claim.request)
        check_learning_memory("size", task.style.sized(), task.size, {self.capacity})
        if errors := photo_size_errors("", task.photos, task.size):  # an earlier version let them in
            raise InvalidInput(errors)
        if left := left_behind(self.blobs, painter_folder(self.claim.id), self.claim.fence):
            self._painters.tidy(task.version, self.claim.id, [blob.key for blob in left])
        targets = self._targets(task)
        photographs = self._photographs(task)
        course = self._course(task, targets, photographs)
        own = photographs.first  # the operator's aren't for callers
        shown = [*own, *self._drawn(SHOWN - len(own), self.on_tick)]
        try:
            while not course.ended:
                self.on_tick()
                photographs.decode_one()
                course.step()
                self.gives_way = True
                self.claim.meter.evaluated += course.step_pixels
                self.reporter.skipped = course.standing.skipped / (task.minutes * 60)
                if course.losses is not None:
                    state = _State(course, course.losses, lambda: course.sheet(shown))
                    self.reporter.on_progress(state, _curve(course))
        except LearningDiverged as error:
            raise JobFailed(f"the learning failed: {error}") from error
        painter = self._keep(task, course, len(photographs))
        self._judge(task, course, photographs, painter)
        self.leases.succeed(self.claim, TaskResult([task.size]))

    @cached_property
    def _give_way(self) -> _Courtesy:
        return _Courtesy(self.leases)

    @property
    def _painters(self) -> PresetPainters:
        return PresetPainters(self.leases.database, self.blobs)

    def on_tick(self) -> None:
        super().on_tick()
        if self.gives_way:
            self._give_way()

    def _photographs(self, task: LearnTask) -> Photographs:
        """Return the photographs to learn from, MAX_PHOTOS at most: first those of the request."""
        sent: list[Source] = [partial(self._decode, photo) for photo in task.photos]
        paths = files_in(self.photos) if self.photos else []
        own: list[Source] = [partial(decode_file, path, task.size, self.on_tick) for path in paths]
        longest = max(learned_sizes(task.size).values())
        # Each claim goes through them in another order, so that those count too that come late.
        return Photographs([*sent, *own][:MAX_PHOTOS], longest, min(SHOWN, len(sent)), seed=self.claim.fence)

    def _decode(self, photo: StoredImage) -> Picture:
        return files.decode(self.read(photo), self.on_tick)

    def _drawn(self, count: int, tick: Callable[[], None]) -> list[Picture]:
        """Draw pictures, with a tick after each."""
        pictures = []
        for picture in draw_pictures(count, SEED):
            tick()
            pictures.append(picture)
        return pictures

    def _targets(self, task: LearnTask) -> dict[int, Grams]:
        """Return octaves -> the Grams to learn from. It gives way after each image whose Grams weren't cached."""
        styles, meter = task.style.sized(), self.claim.meter
        sizes = {
            octaves: size
            for octaves, size in learned_sizes(task.size).items()
            if not octaves or (not style_size_errors("", styles, size) and grams_fit(styles, size, self.capacity))
        }
        for (image, _), size in product(styles, sizes.values()):
            before = meter.style_pixels
            self.grams(replace(task.style, images=(image,)), [size])
            if meter.style_pixels > before:
                self._give_way()
        grams = self.grams(task.style, list(sizes.values()))
        return {octaves: grams[size] for octaves, size in sizes.items()}

    def _course(self, task: LearnTask, targets: Mapping[int, Grams], photographs: Photographs) -> Course:
        material = Material(targets, task.size, photographs.learned, photographs.kept_out)
        options, seconds = TransferOptions(size=task.size), task.minutes * 60
        beginnings = painters_of(self.stylist.info.model)
        course = Course(self.stylist.encoder, options, material, seconds, on_tick=self.on_tick, beginnings=beginnings)
        read_checkpoint(self.blobs, self.claim, course.resume)
        return course

    def _judge(self, task: LearnTask, course: Course, photographs: Photographs, painter: PresetPainter) -> None:
        """Enter the painter's losses beside the optimiser's if they can be measured here: it is of use without."""
        if not judging_fits(task.style.sized(), task.size, self.capacity):
            logger.info("job %s: its painter isn't judged: that takes more memory than there is", self.claim.id)
            return
        try:
            judged = self._judged(task, course, photographs)
        except (Canceled, Overdue, Stopping, LeaseLost, DatabaseError, BlobsGone):
            raise
        except Exception as error:
            logger.warning("job %s: its painter was not judged", self.claim.id, exc_info=error)
        else:
            self._painters.judge(task.version, painter, judged)

    def _judged(self, task: LearnTask, course: Course, photographs: Photographs) -> Json:
        """Return the mean losses of the painter and of the optimiser over the same pictures.

        It gives way to no other job, as a transfer doesn't: it would begin anew each time.
        """
        tick = super().on_tick
        options = TransferOptions(size=task.size)
        found: dict[str, list[Losses]] = {"painter": [], "optimizer": []}
        for photograph in [*photographs.kept_out, *self._drawn(JUDGED, tick)][:JUDGED]:
            content = images.resize_long_edge(photograph, task.size)
            order = Order(content, [self.style(task.style)], options)
            painting = course.paint(content)
            found["painter"].append(self.stylist.score(order, painting, tick).losses)
            outcome = self.stylist.transfer(order, lambda _: tick(), tick)
            found["optimizer"].append(outcome.result.losses)
        return {name: _mean(all) for name, all in found.items()}

    def _keep(self, task: LearnTask, course: Course, photos: int) -> PresetPainter:
        """Store the painter's files, and enter the painter in the preset, unless an attempt before has done so."""
        if given := self._painters.given(task.version, self.claim.id):
            return given
        weights = course.weights(self.stylist.info.model)
        data = weights.to_bytes()
        onnx = preset_onnx(weights, task.style.preset or "")
        painter = PresetPainter(
            painter_blob(self.claim.id, f"weights-{self.claim.fence}.safetensors"),
            images.digest(data),
            model=weights.model,
            onnx=painter_blob(self.claim.id, f"painter-{self.claim.fence}.onnx"),
            onnx_sha256=images.digest(onnx),
            bytes=len(onnx),
            size=task.size,
            steps=course.steps,
            seconds=round(course.standing.seconds, 1),
            photos=photos,
            counted=len(data) + len(onnx),
        )
        self.blobs.put(painter.blob, data)
        self.blobs.put(painter.onnx, onnx)
        self.reporter.on_tick()
        if not self._painters.put(task.version, self.claim.id, painter):
            raise JobFailed("the preset was replaced or deleted while it learned")
        return painter


def _curve(course: Course) -> list[Json]:
    return [{"seconds": seconds} | vars(losses) for seconds, losses in course.standing.curve]


def _mean(found: Sequence[Losses]) -> dict[str, float]:
    return {
        name: sum(getattr(losses, name) for losses in found) / len(found) for name in ("total", "content", "style")
    }
