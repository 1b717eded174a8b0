"""Learning: the kind of job that trains a painter for a preset."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from service.decoding import files
from service.engine.losses import Losses
from service.errors import InvalidInput, JobFailed
from service.jobs.memory_check import check_learning_memory, grams_fit
from service.jobs.tasks import COMPARED, MAX_PHOTOS, CompareTask, LearnTask
from service.machine.memory import PHOTOGRAPHS
from service.options import TransferOptions
from service.painters.course import Course, LearningDiverged, Material
from service.painters.lessons import learned_sizes
from service.painters.photographs import draw_pictures
from service.painters.starters import painters_of
from service.pictures import images
from service.pictures.images import Picture
from service.pictures.sizes import photo_size_errors, style_size_errors
from service.storage.pictures import StoredImage, StoredPainter
from service.storage.records import PresetPainter, TaskResult
from service.storage.typed_json import Json
from service.styles.preset_painters import PresetPainters, painter_blob
from service.worker.onnx_file import preset_onnx
from service.worker.photo_folder import decoded, files_in
from service.worker.reporter import read_checkpoint
from service.worker.tasks import NamedRun

KEPT_OUT = 8  # one of so many photographs is kept out, for the checks
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


class LearnRun(NamedRun):
    """Learning: resumes at its checkpoint; its end is that its painter is stored.

    Attributes:
        photos: folder of the operator's photographs, if there is one.
    """

    photos: Path | None = None

    def work(self) -> None:
        task = LearnTask.from_json(self.claim.request)
        check_learning_memory("size", task.style.sized(), task.size, {self.capacity})
        photographs = self._photographs(task)
        course = self._course(task, photographs)
        own = photographs[: len(task.photos)]  # the operator's aren't for callers
        shown = [*own, *self._drawn(SHOWN)][:SHOWN]
        try:
            while not course.ended:
                self.on_tick()
                course.step()
                self.claim.meter.evaluated += course.step_pixels
                self.reporter.skipped = course.standing.skipped / (task.minutes * 60)
                if course.losses is not None:
                    state = _State(course, course.losses, lambda: course.sheet(shown))
                    self.reporter.on_progress(state, _curve(course))
        except LearningDiverged as error:
            raise JobFailed(f"the learning failed: {error}") from error
        compared = self._store_kept_out(task, photographs)
        painter = self._keep(task, course, len(photographs))
        then = CompareTask(replace(task.style, painter=painter), task.version, task.size, compared)
        self.leases.succeed(self.claim, TaskResult([task.size]), then=then)

    @property
    def _painters(self) -> PresetPainters:
        return PresetPainters(self.leases.database, self.blobs)

    def _photographs(self, task: LearnTask) -> list[Picture]:
        """Decode up to MAX_PHOTOS photographs, first those of the request, then the operator's.

        They are reduced to the largest size that is learned from, and to PHOTOGRAPHS bytes.

        Raises InvalidInput where one of the request is too narrow.
        """
        if errors := photo_size_errors("", task.photos, task.size):
            raise InvalidInput(errors)
        largest = max(learned_sizes(task.size).values())
        own = files_in(self.photos) if self.photos else []
        room = PHOTOGRAPHS / 3 / max(1, min(MAX_PHOTOS, len(task.photos) + len(own)))
        sent = (files.decode(self.read(photo), self.reporter.on_tick) for photo in task.photos)
        photographs = []
        for picture in islice(chain(sent, decoded(own, task.size, self.reporter.on_tick)), MAX_PHOTOS):
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
        styles = task.style.sized()
        sizes = {
            octaves: size
            for octaves, size in learned_sizes(task.size).items()
            if not octaves or (not style_size_errors("", styles, size) and grams_fit(styles, size, self.capacity))
        }
        grams = self.grams(task.style, list(sizes.values()))
        material = Material({octaves: grams[size] for octaves, size in sizes.items()}, task.size, learned, kept_out)
        options, seconds = TransferOptions(size=task.size), task.minutes * 60
        beginnings = painters_of(self.stylist.info.model)
        course = Course(self.stylist.encoder, options, material, seconds, on_tick=self.on_tick, beginnings=beginnings)
        read_checkpoint(self.blobs, self.claim, course.resume)
        return course

    def _store_kept_out(self, task: LearnTask, photographs: Sequence[Picture]) -> tuple[StoredImage, ...]:
        """Store the photographs on which the painter will be compared with the optimiser."""
        stored = []
        for k, photograph in enumerate(_kept_out(photographs)[:COMPARED]):
            picture = images.resize_long_edge(photograph, task.size)
            data = images.encode(picture)
            key = self.keep(f"compared-{self.claim.fence}-{k}.png", data)
            stored.append(StoredImage(key, images.digest(data), picture.shape[1], picture.shape[0]))
            self.on_tick()
        return tuple(stored)

    def _keep(self, task: LearnTask, course: Course, photos: int) -> StoredPainter:
        """Store the painter's files, enter the painter in the preset, and return its file of weights."""
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
        return StoredPainter(painter.blob, painter.sha256, task.size)


def _kept_out(photographs: Sequence[Picture]) -> Sequence[Picture]:
    """Return the photographs that are kept out for the checks; none if there are fewer than KEPT_OUT."""
    return photographs[::KEPT_OUT] if len(photographs) >= KEPT_OUT else []


def _curve(course: Course) -> list[Json]:
    return [{"seconds": seconds} | vars(losses) for seconds, losses in course.standing.curve]
