"""Learning: the kind of job that trains a painter for a preset."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

from service.decoding import files
from service.engine.losses import Losses
from service.errors import DatabaseError, JobFailed
from service.jobs.leases import Leases
from service.jobs.memory_check import check_learning_memory
from service.jobs.tasks import LearnTask
from service.options import TransferOptions
from service.painters.course import Course, LearningDiverged, Material
from service.painters.lessons import learned_sizes
from service.painters.photographs import draw_pictures
from service.painters.starters import painters_of
from service.painting.order import Order
from service.pictures import images
from service.pictures.images import Picture
from service.pictures.sizes import style_size_errors
from service.storage.records import PresetPainter, TaskResult
from service.storage.typed_json import Json
from service.styles.preset_painters import PresetPainters, painter_blob
from service.worker.onnx_file import preset_onnx
from service.worker.photo_folder import decoded, files_in
from service.worker.reporter import Stopping, read_checkpoint
from service.worker.tasks import NamedRun

PATIENCE_S = 1.0  # seconds that other jobs wait before a learning gives way
LOOK_S = 1.0  # seconds between two checks whether other jobs wait
KEPT_OUT = 8  # one of so many photographs is kept out, for the checks
JUDGED = 2  # pictures on which the painter is judged beside the optimiser
MOST_PHOTOS = 64
PHOTO_PIXELS = 64_000_000  # of all photographs together, 3 bytes each
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
        self._looked = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() < self._looked + LOOK_S:
            return
        self._looked = time.monotonic()
        with suppress(DatabaseError):  # the reporter logs it
            if self._leases.others_wait(PATIENCE_S):
                raise Stopping


class LearnRun(NamedRun):
    """Learning: resumes at its checkpoint, and gives way to every other job that waits.

    Attributes:
        photos: folder of the operator's photographs, if there is one.
    """

    photos: Path | None = None

    def work(self) -> None:
        task = LearnTask.from_json(self.claim.request)
        check_learning_memory("size", {self.capacity})
        photographs = self._photographs(task)
        course = self._course(task, photographs)
        shown = [*photographs[: len(task.photos)], *self._drawn(SHOWN)][:SHOWN]  # the operator's aren't for callers
        try:
            while not course.ended:
                course.step()
                self.claim.meter.evaluated += course.step_pixels
                self.reporter.skipped = course.standing.skipped / (task.minutes * 60)
                if course.losses is not None:
                    state = _State(course, course.losses, lambda: course.sheet(shown))
                    self.reporter.on_progress(state, _curve(course))
                self.on_tick()
        except LearningDiverged as error:
            raise JobFailed(f"the learning failed: {error}") from error
        judged = self._judged(task, course, photographs)
        self._keep(task, course, len(photographs), judged)

    @cached_property
    def _give_way(self) -> _Courtesy:
        return _Courtesy(self.leases)

    def on_tick(self) -> None:
        super().on_tick()
        self._give_way()

    def _photographs(self, task: LearnTask) -> list[Picture]:
        """Decode up to MOST_PHOTOS photographs, first those of the request, then the operator's.

        They are reduced to the largest size that is learned from, and to PHOTO_PIXELS.
        """
        largest = max(learned_sizes(task.size).values())
        own = files_in(self.photos) if self.photos else []
        room = PHOTO_PIXELS / max(1, min(MOST_PHOTOS, len(task.photos) + len(own)))
        sent = (files.decode(self.read(photo), self.reporter.on_tick) for photo in task.photos)
        photographs = []
        for picture in islice(chain(sent, decoded(own, self.reporter.on_tick)), MOST_PHOTOS):
            roomy = math.sqrt(room / (picture.shape[0] * picture.shape[1]))
            edge = max(picture.shape[:2])
            photographs.append(images.resize_long_edge(picture, min(largest, edge, round(roomy * edge))))
            self.on_tick()
        return photographs

    def _drawn(self, count: int) -> list[Picture]:
        """Draw pictures, with a tick after each."""
        pictures = []
        for picture in draw_pictures(count, SEED):
            self.on_tick()
            pictures.append(picture)
        return pictures

    def _course(self, task: LearnTask, photographs: Sequence[Picture]) -> Course:
        kept_out = _kept_out(photographs)
        learned = [photograph for k, photograph in enumerate(photographs) if not kept_out or k % KEPT_OUT]
        sizes = {
            octaves: size
            for octaves, size in learned_sizes(task.size).items()
            if not octaves or not style_size_errors("", task.style.sized(), size)
        }
        grams = self.grams(task.style, list(sizes.values()))
        material = Material({octaves: grams[size] for octaves, size in sizes.items()}, task.size, learned, kept_out)
        options, seconds = TransferOptions(size=task.size), task.minutes * 60
        beginnings = painters_of(self.stylist.info.model)
        course = Course(self.stylist.encoder, options, material, seconds, on_tick=self.on_tick, beginnings=beginnings)
        read_checkpoint(self.blobs, self.claim, course.resume)
        return course

    def _judged(self, task: LearnTask, course: Course, photographs: Sequence[Picture]) -> Json:
        """Return the mean losses of the painter and of the optimiser over the same pictures."""
        options = TransferOptions(size=task.size)
        found: dict[str, list[Losses]] = {"painter": [], "optimizer": []}
        for photograph in [*_kept_out(photographs), *self._drawn(JUDGED)][:JUDGED]:
            content = images.resize_long_edge(photograph, task.size)
            order = Order(content, [self.style(task.style)], options)
            painting = course.paint(content)
            found["painter"].append(self.stylist.score(order, painting, self.on_tick).losses)
            outcome = self.stylist.transfer(order, lambda _: self.on_tick(), self.on_tick)
            found["optimizer"].append(outcome.result.losses)
        return {name: _mean(all) for name, all in found.items()}

    def _keep(self, task: LearnTask, course: Course, photos: int, judged: Mapping[str, Mapping[str, float]]) -> None:
        """Store the painter's files, enter the painter in the preset, and end the job."""
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
            judged=judged,
            counted=len(data) + len(onnx),
        )
        self.blobs.put(painter.blob, data)
        self.blobs.put(painter.onnx, onnx)
        self.reporter.on_tick()
        painters = PresetPainters(self.leases.database, self.blobs)
        if not painters.put(task.version, self.claim.id, painter):
            raise JobFailed("the preset was replaced or deleted while it learned")
        self.leases.succeed(self.claim, TaskResult([task.size]))


def _kept_out(photographs: Sequence[Picture]) -> Sequence[Picture]:
    """Return the photographs that are kept out for the checks; none if there are fewer than KEPT_OUT."""
    return photographs[::KEPT_OUT] if len(photographs) >= KEPT_OUT else []


def _curve(course: Course) -> list[Json]:
    return [{"seconds": seconds} | vars(losses) for seconds, losses in course.standing.curve]


def _mean(found: Sequence[Losses]) -> dict[str, float]:
    return {
        name: sum(getattr(losses, name) for losses in found) / len(found) for name in ("total", "content", "style")
    }
