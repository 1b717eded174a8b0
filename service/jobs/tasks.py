"""Tasks as their rows hold them: all jobs that are neither transfers nor scores."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.options import OPTIONS, PAINTER, TransferOptions
from service.pictures.sizes import LADDER, levels_that_fit, style_size_errors
from service.storage.kinds import COMPARE, JUDGE, LEARN, ONNX, PACK, WARM
from service.storage.lanes import ENGINE, Lane
from service.storage.stored_files import StoredFile, StoredImage
from service.storage.typed_json import Json, number_in, object_in, objects_in

MAX_PHOTOS = 64  # photographs that a learning looks at, those of its request first
COMPARED = 2  # pictures on which a painter is compared with the optimiser
OCTAVES = (0, -1, 1)  # from the wanted size to those that a painter learns at


@dataclass(frozen=True)
class WarmTask:
    """Warming: the Grams of a preset for transfers of these sizes in pixels."""

    kind: ClassVar[str] = WARM
    lane: ClassVar[Lane] = ENGINE
    style: StoredStyle
    sizes: tuple[int, ...]

    @property
    def levels(self) -> list[int]:
        """The sizes of all levels of these transfers, ascending."""
        styles, most = self.style.sized(), TransferOptions().levels
        found = {round(size / 2**k) for size in self.sizes for k in range(levels_that_fit(styles, size, most))}
        return sorted(found)

    def to_json(self) -> Json:
        return {"style": self.style.to_json(), "sizes": list(self.sizes)}

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> WarmTask:
        return cls(StoredStyle.from_json(object_in(json, "style")), tuple(json.get("sizes") or ()))


@dataclass(frozen=True)
class PackTask:
    """Pack: the Grams of a preset's version as one file. `thumbnail` is the SHA-256 of its thumbnail."""

    kind: ClassVar[str] = PACK
    lane: ClassVar[Lane] = ENGINE
    style: StoredStyle
    version: str
    description: str
    thumbnail: str | None

    @property
    def sizes(self) -> list[int]:
        """The sizes of the ladder that the style images can follow, ascending."""
        styles = self.style.sized()
        return [size for size in LADDER if not style_size_errors("", styles, size)]

    def to_json(self) -> Json:
        return vars(self) | {"style": self.style.to_json()}

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> PackTask:
        style = StoredStyle.from_json(object_in(json, "style"))
        return cls(style, json.get("version", ""), json.get("description", ""), json.get("thumbnail"))


@dataclass(frozen=True)
class LearnTask:
    """Learning: a painter for a preset's version.

    Attributes:
        size: pixels on the long edge that it learns for.
        photos: photographs to learn from.
        minutes: how long it may learn.
    """

    kind: ClassVar[str] = LEARN
    lane: ClassVar[Lane] = ENGINE
    style: StoredStyle
    version: str
    size: int
    minutes: float
    photos: tuple[StoredImage, ...] = ()

    @property
    def sizes(self) -> dict[int, int]:
        """Octaves -> the size in pixels whose Grams are the targets; only sizes that the style images can follow."""
        styles = self.style.sized()
        sizes = learned_sizes(self.size).items()
        return {octaves: size for octaves, size in sizes if not octaves or not style_size_errors("", styles, size)}

    def to_json(self) -> Json:
        return vars(self) | {"style": self.style.to_json(), "photos": [photo.to_json() for photo in self.photos]}

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> LearnTask:
        photos = tuple(StoredImage.from_json(photo) for photo in objects_in(json, "photos"))
        style, minutes = StoredStyle.from_json(object_in(json, "style")), number_in(json, "minutes", 0.0)
        return cls(style, json.get("version", ""), int(number_in(json, "size", 0)), minutes, photos)


@dataclass(frozen=True)
class OnnxTask:
    """ONNX file: make that of the painter of a preset's version, whose weights are the file `painter`.

    `preset` is the name that the file gives the preset.
    """

    kind: ClassVar[str] = ONNX
    lane: ClassVar[Lane] = ENGINE
    painter: StoredFile
    preset: str
    version: str = ""

    def to_json(self) -> Json:
        return vars(self) | {"painter": self.painter.to_json()}

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> OnnxTask:
        painter = StoredFile.from_json(object_in(json, "painter"))
        return cls(painter, json.get("preset", ""), json.get("version", ""))


@dataclass(frozen=True)
class JudgeTask:
    """Judging: the losses of the pictures of a transfer, `transfer` by its id, that painters painted alone.

    The task has the request too, so that the sweep keeps the files that it needs.
    """

    kind: ClassVar[str] = JUDGE
    lane: ClassVar[Lane] = ENGINE
    transfer: str
    request: TransferRequest

    def to_json(self) -> Json:
        return {"transfer": self.transfer, "request": self.request.to_json()}

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> JudgeTask:
        return cls(json.get("transfer", ""), TransferRequest.from_json(object_in(json, "request")))


@dataclass(frozen=True)
class CompareTask:
    """Comparison: the losses of the painter of a preset's version beside the optimiser's.

    Attributes:
        style: the preset, with the painter.
        size: pixels on the long edge that it learned for.
        photos: photographs that it didn't learn from, COMPARED at most.
        learning: id of the job that taught it; empty in rows of earlier versions.
    """

    kind: ClassVar[str] = COMPARE
    lane: ClassVar[Lane] = ENGINE
    style: StoredStyle
    version: str
    size: int
    photos: tuple[StoredImage, ...] = ()
    learning: str = ""

    @property
    def methods(self) -> dict[str, TransferOptions]:
        """The options with which the painter and the optimiser paint each picture, by what `judged` calls them."""
        return {
            "painter": TransferOptions(size=self.size, method=PAINTER, iterations=0),
            "optimizer": TransferOptions(size=self.size),
        }

    @property
    def transfers(self) -> list[TransferRequest]:
        """What it does, as transfers. Pictures that are drawn for it, where photographs are too few, are square."""
        drawn = [StoredImage(width=self.size, height=self.size)] * (COMPARED - len(self.photos))
        paintings = tuple(Painting((self.style,), options) for options in self.methods.values())
        return [TransferRequest(content, paintings[0], paintings) for content in (*self.photos, *drawn)]

    def to_json(self) -> Json:
        return vars(self) | {"style": self.style.to_json(), "photos": [photo.to_json() for photo in self.photos]}

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> CompareTask:
        photos = tuple(StoredImage.from_json(photo) for photo in objects_in(json, "photos"))
        style, size = StoredStyle.from_json(object_in(json, "style")), int(number_in(json, "size", 0))
        return cls(style, json.get("version", ""), size, photos, json.get("learning", ""))


def learned_sizes(size: int) -> dict[int, int]:
    """Return octaves from the wanted size -> the size in pixels; only sizes that an output can have."""
    low, high = (OPTIONS["size"].metadata[bound] for bound in ("low", "high"))
    sizes = {octaves: round(size * 2.0**octaves) for octaves in OCTAVES}
    return {octaves: size for octaves, size in sizes.items() if low <= size <= high}


def following_id(job: str) -> str:
    """Return the id of the task that measures losses after a job, which begins as the job succeeds."""
    return uuid.uuid5(uuid.NAMESPACE_OID, job).hex


def followed_id(task: Mapping[str, Any] | None) -> str:
    """Return the id of the job after which a task measures losses, from the task's row; empty if that has none."""
    found = task or {}
    return str(found.get("transfer") or found.get("learning") or "")


Task = WarmTask | PackTask | LearnTask | OnnxTask | JudgeTask | CompareTask
