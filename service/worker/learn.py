"""Learning: the kind of job that trains a painter for a preset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path

from service.decoding import files
from service.engine.losses import Losses
from service.errors import BlobNotFound, DamagedFile, DatabaseError, InvalidInput, JobFailed
from service.jobs.memory_check import check_learning_memory, grams_fit
from service.jobs.request import job_blob, job_folder
from service.jobs.tasks import COMPARED, MAX_PHOTOS, CompareTask, LearnTask, learned_sizes
from service.options import TransferOptions
from service.painters.course import Course, Grams, LearningDiverged, Material
from service.painters.photographs import draw_pictures
from service.painters.starters import painters_of
from service.pictures import images
from service.pictures.images import Picture
from service.pictures.sizes import photo_size_errors
from service.storage.records import PresetPainter, TaskResult
from service.storage.stored_files import StoredImage, StoredPainter
from service.storage.typed_json import Json
from service.storage.unsaved import try_to_delete
from service.styles.preset_painters import painter_blob, painter_folder
from service.worker.checkpoints import read_checkpoint
from service.worker.left_behind import left_behind
from service.worker.onnx_file import preset_onnx
from service.worker.photographs import Photographs, Source, decode_file, files_in
from service.worker.tasks import NamedRun

SHOWN = 4  # pictures of the preview
DECODE_S = 1.0  # seconds in which photographs are decoded before the first step; one more before each step
SEED = 2
COMPARED_FILE = "compared"  # prefix of the files of photographs on which the painter will be compared


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


@dataclass(eq=False)
class LearnRun(NamedRun):
    """Learning: train a painter, from the checkpoint on if there is one, and store it.

    In each claim it first comes further, by a step or by Grams that stay in the cache. So it ends however often other
    jobs come.

    Attributes:
        photos: folder of the operator's photographs, if there is one.
        gives_way: whether it has taken a step in this claim.
    """

    photos: Path | None = None
    gives_way: bool = field(default=False, init=False)
    final_errors = (BlobNotFound, DamagedFile)  # when there is room again, it goes on at its checkpoint

    def work(self) -> None:
        task = LearnTask.from_json(self.claim.request)
        check_learning_memory("size", task.style.sized(), task.size, {self.capacity})
        if errors := photo_size_errors("", task.photos, task.size):  # an earlier version let them in
            raise InvalidInput(errors)
        self._remove_left(task)
        targets = self._targets(task)
        photographs = self._photographs(task)
        photographs.decode_some(DECODE_S)
        course = self._course(task, targets, photographs)
        own = photographs.first  # the operator's aren't for callers
        shown = [*own, *self._drawn(SHOWN - len(own))]
        try:
            while not course.ended:
                self.on_tick()
                photographs.decode_one()
                course.step()
                self.gives_way = True
                self.claim.meter.count(course.step_pixels)
                self.reporter.skipped = course.standing.skipped / (task.minutes * 60)
                if course.losses is not None:
                    state = _State(course, course.losses, lambda: course.sheet(shown))
                    self.reporter.on_progress(state, _curve(course))
        except LearningDiverged as error:
            raise JobFailed(f"the learning failed: {error}") from error
        with self._held_out(task, photographs) as compared:
            painter = self._keep(task, course, len(photographs))
            then = CompareTask(replace(task.style, painter=painter), task.version, task.size, compared, self.claim.id)
            self.leases.succeed(self.claim, TaskResult([task.size]), then=then)

    def tidy(self) -> None:
        super().tidy()
        for photo in LearnTask.from_json(self.claim.request).photos:
            try_to_delete(self.blobs, photo.blob)

    def _remove_left(self, task: LearnTask) -> None:
        """Remove what attempts before left: painters, and photographs on which they would have been compared."""
        if left := left_behind(self.blobs, painter_folder(self.claim.id), self.claim.fence):
            self.painters.tidy(task.version, self.claim.id, [blob.key for blob in left])
        for blob in left_behind(self.blobs, job_folder(self.claim.id), self.claim.fence):
            if blob.key.startswith(job_blob(self.claim.id, COMPARED_FILE)):
                self.blobs.delete(blob.key)

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

    def _drawn(self, count: int) -> list[Picture]:
        """Draw pictures, with a tick after each."""
        pictures = []
        for picture in draw_pictures(count, SEED):
            self.on_tick()
            pictures.append(picture)
        return pictures

    def _targets(self, task: LearnTask) -> dict[int, Grams]:
        """Return octaves -> the Grams to learn from. It gives way after each image whose Grams weren't cached."""
        styles, meter = task.style.sized(), self.claim.meter
        sizes = {
            octaves: size
            for octaves, size in task.sizes.items()
            if not octaves or grams_fit(styles, size, self.capacity)
        }
        for (image, _), size in product(styles, sizes.values()):
            before = meter.style_pixels
            self.grams(replace(task.style, images=(image,)), [size])
            if meter.style_pixels > before:
                self._give_way()
        grams = self.grams(task.style, list(sizes.values()))
        return {octaves: grams[size] for octaves, size in sizes.items()}

    def _course(self, task: LearnTask, targets: Mapping[int, Grams], photographs: Photographs) -> Course:
        material = Material(targets, task.size, photographs.learned, photographs.held_out)
        options, seconds = TransferOptions(size=task.size), task.minutes * 60
        beginnings = painters_of(self.stylist.info.model)
        course = Course(self.stylist.encoder, options, material, seconds, on_tick=self.on_tick, beginnings=beginnings)
        read_checkpoint(self.blobs, self.claim, course.resume)
        return course

    @contextmanager
    def _held_out(self, task: LearnTask, photographs: Photographs) -> Iterator[tuple[StoredImage, ...]]:
        """Store the photographs on which the painter will be compared with the optimiser; an error removes them."""
        stored: list[StoredImage] = []
        try:
            for k, photograph in enumerate(photographs.held_out[:COMPARED]):
                picture = images.resize_long_edge(photograph, task.size)
                data = images.encode(picture)
                key = self.keep(f"{COMPARED_FILE}-{self.claim.fence}-{k}.png", data)
                stored.append(StoredImage(key, images.digest(data), picture.shape[1], picture.shape[0]))
                self.on_tick()
            yield tuple(stored)
        except DatabaseError:  # the learning may have succeeded
            raise
        except Exception:
            for photo in stored:
                try_to_delete(self.blobs, photo.blob)
            raise

    def _keep(self, task: LearnTask, course: Course, photos: int) -> StoredPainter:
        """Store the painter's files and enter it in the preset, unless that was done; return its file of weights."""
        if given := self.painters.given(task.version, self.claim.id):
            return StoredPainter(given.blob, given.sha256, task.size)
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
        hold = partial(self.leases.hold, claim=self.claim)
        if not self.painters.put(task.version, self.claim.id, painter, hold):
            raise JobFailed("the preset was replaced or deleted while it learned")
        return StoredPainter(painter.blob, painter.sha256, task.size)


def _curve(course: Course) -> list[Json]:
    return [{"seconds": seconds} | vars(losses) for seconds, losses in course.standing.curve]
