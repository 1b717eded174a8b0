"""The JSON in rows beside a job's request: its progress and results, and a preset's pack, warming, painter.

A missing key gets a default, so a row can always be read: a job that can't be painted any more is still listed,
claimed and ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.storage.stored_files import StoredFile, StoredImage
from service.storage.typed_json import Json, Record, amount_in, number_in, object_in, objects_in

UNFINISHED = ("queued", "running")
ENDED = ("succeeded", "failed", "canceled")  # these are final
STATUSES = (*UNFINISHED, *ENDED)
"""The states of jobs and of batches."""


@dataclass(frozen=True)
class JobProgress(Record):
    """The progress of a job.

    Attributes:
        iteration: iterations done, of all its pictures.
        fraction: share of the work that is done, 0 to 1.
        losses: name -> loss of the picture as it is now.
        eta_seconds: seconds that are left, if known.
        event: number of the event that reported it.
        curve: the checks of a learning: seconds, and losses on pictures that it doesn't learn from.
    """

    iteration: int = 0
    fraction: float = 0.0
    losses: Mapping[str, float] | None = None
    eta_seconds: float | None = None
    event: int = 0
    curve: Sequence[Json] = ()

    def to_json(self) -> Json:
        return {name: value for name, value in vars(self).items() if name != "curve" or value}


@dataclass(frozen=True)
class JobUsage(Record):
    """The cost of a job: of all attempts at it, those of workers that died until their last report.

    Attributes:
        megapixel_evaluations: millions of pixels, times evaluations of the objective.
        compute_s: CPU seconds of the worker's process; where a GPU computes, seconds.
        bytes_in, bytes_out: sizes of the files of the request and of the result.
    """

    megapixel_evaluations: float = 0.0
    compute_s: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> JobUsage:
        """Read a row; what is no amount counts as 0, because each report and the job's end add to it."""
        amounts = {name: amount_in(json, name) or 0.0 for name in cls.__dataclass_fields__}
        return cls(
            amounts["megapixel_evaluations"],
            amounts["compute_s"],
            int(amounts["bytes_in"]),
            int(amounts["bytes_out"]),
        )

    def __add__(self, other: JobUsage) -> JobUsage:
        sums = (getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__)
        return JobUsage(*(round(total, 6) for total in sums))


@dataclass(frozen=True)
class BatchSums(Record):
    """The jobs of a batch together.

    Attributes:
        counts: how many of them have each status; those that were removed have none.
        cost: the megapixel-evaluations that they were expected to take.
        usage: what they have taken.
    """

    counts: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    cost: float = 0.0
    usage: JobUsage = JobUsage()

    @classmethod
    def of(cls, counts: Mapping[str, Any], cost: float, usage: JobUsage) -> BatchSums:
        """Return the sums with a count of each status, 0 where there is none."""
        return cls({status: int(amount_in(counts, status) or 0) for status in STATUSES}, cost, usage)

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> BatchSums:
        usage = JobUsage.from_json(object_in(json, "usage"))
        return cls.of(object_in(json, "counts"), amount_in(json, "cost") or 0.0, usage)

    def to_json(self) -> Json:
        return {"counts": dict(self.counts), "cost": self.cost, "usage": self.usage.to_json()}


@dataclass(frozen=True)
class Preview(Record):
    """The newest preview: its file, the iteration that it shows, pixels, and the number of its event."""

    blob: str = ""
    iteration: int = 0
    width: int = 0
    height: int = 0
    event: int = 0


@dataclass(frozen=True)
class PaintedPicture(StoredImage):
    """A finished picture.

    Attributes:
        losses: name -> loss of the delivered picture; None until they are measured, for a painter's picture.
        iterations: how many were done.
        stopped: why the optimisation ended.
    """

    media_type: str = "image/png"
    losses: Mapping[str, float] | None = None
    iterations: int = 0
    stopped: str | None = None


@dataclass(frozen=True)
class DonePicture(PaintedPicture):
    """A finished picture of a job that has others to paint.

    Attributes:
        style_s, optimize_s: seconds for the styles' Grams, and for the rest.
        style_cache: "hit", "partial" or "miss"; None for a painter's picture.
        bytes: what its file takes.
    """

    style_s: float = 0.0
    optimize_s: float = 0.0
    style_cache: str | None = "partial"
    bytes: int = 0

    def picture(self) -> PaintedPicture:
        """Return what the job's result says of it."""
        return PaintedPicture.from_json(self.to_json())


@dataclass(frozen=True)
class JobCheckpoint(Record):
    """The point at which another worker would go on.

    Attributes:
        blob: key of the state of the picture, or of the learning; None between two pictures.
        progress: the job's progress at that point.
        done: the pictures that are finished.
        fence: the number of the claim in which the job got further than before.
    """

    blob: str | None = None
    progress: JobProgress = JobProgress()
    done: tuple[DonePicture, ...] = ()
    fence: int = field(default=0, compare=False)

    @property
    def reached(self) -> int:
        """How far the job is: its iterations, and one more for the rest of the work on each finished picture."""
        return self.progress.iteration + len(self.done)

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> JobCheckpoint:
        done = tuple(DonePicture.from_json(picture) for picture in objects_in(json, "done"))
        progress, fence = JobProgress.from_json(object_in(json, "progress")), int(number_in(json, "fence", 0))
        return cls(json.get("blob"), progress, done, fence)

    def to_json(self) -> Json:
        done = [picture.to_json() for picture in self.done]
        return {"blob": self.blob, "progress": self.progress.to_json(), "done": done, "fence": self.fence}


@dataclass(frozen=True)
class TransferResult:
    """The pictures that a transfer made. In the row it is one object: the first picture's keys and these.

    Attributes:
        pictures: at least one. Rows written before there were variants have one.
        iterations: of all pictures.
        sheet: the contact sheet; `sha256` is empty in rows written before sheets had one.
    """

    pictures: tuple[PaintedPicture, ...]
    iterations: int
    sheet: StoredFile | None = None

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> TransferResult:
        variants: Sequence[Mapping[str, Any]] = objects_in(json, "variants") or [json]
        pictures = tuple(PaintedPicture.from_json(picture) for picture in variants)
        sheet = StoredFile(json["sheet"], json.get("sheet_sha256", "")) if json.get("sheet") else None
        return cls(pictures, json.get("iterations") or 0, sheet)

    def to_json(self) -> Json:
        variants = [picture.to_json() for picture in self.pictures]
        sheet = {"sheet": self.sheet.blob, "sheet_sha256": self.sheet.sha256} if self.sheet else {}
        return variants[0] | {"iterations": self.iterations, "variants": variants} | sheet


@dataclass(frozen=True)
class ScoreResult(Record):
    """The losses of a picture: name -> loss, and "content" or "style" -> layer -> loss."""

    losses: Mapping[str, float] = field(default_factory=dict)
    layers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskResult(Record):
    """The output sizes, in pixels, for which a task has computed Grams, or a painter has learned."""

    sizes: Sequence[int] = ()


@dataclass(frozen=True)
class PresetPack(StoredFile):
    """The file of a preset that came as a pack: SHA-256 of the model, layers and sizes of its Grams."""

    model: str = ""
    layers: Sequence[str] = ()
    sizes: Sequence[int] = ()


@dataclass(frozen=True)
class Warming(Record):
    """The task that computes a preset's Grams beforehand: id of the job, and output sizes in pixels."""

    job: str = ""
    sizes: Sequence[int] = ()


@dataclass(frozen=True)
class PresetPainter(StoredFile):
    """The network that a preset learned, as a file of its weights.

    Attributes:
        model: SHA-256 of the model whose features it learned from.
        onnx, onnx_sha256: the ONNX file; empty until it is made, for a painter that came with a pack.
        bytes: what the ONNX file takes.
        size: pixels on the long edge that it learned for.
        steps, seconds: what the learning took; 0 where that isn't known.
        photos: photographs that came with its learning.
        judged: "painter" and "optimizer" -> losses on the same pictures; empty where nothing is known.
        counted: bytes of its files that are in the preset's `bytes`.
    """

    model: str = ""
    onnx: str = ""
    onnx_sha256: str = ""
    bytes: int = 0
    size: int = 0
    steps: int = 0
    seconds: float = 0.0
    photos: int = 0
    judged: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    counted: int = 0
