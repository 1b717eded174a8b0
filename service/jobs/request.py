"""What a job is asked to do, as its row holds it: pictures by blob, every option filled in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from service.engine.options import TransferOptions
from service.storage.pictures import StoredImage, StoredStyleImage

FOLDER = "jobs"
CHECKPOINT = "checkpoint"  # how the names of files begin that only an unfinished job needs


@dataclass(frozen=True)
class StoredStyle:
    """An entry of `styles`: a preset as it was at that time, or one image. `weight` is its share in the average."""

    preset: str | None
    weight: float
    scale: float
    images: tuple[StoredStyleImage, ...]

    def shares(self) -> list[tuple[StoredStyleImage, float, float]]:
        """Each image that has a share in the whole average, with that share and its size relative to the output's."""
        total = sum(image.weight for image in self.images)
        shares = [(image, self.weight * image.weight / total, self.scale * image.scale) for image in self.images]
        return [entry for entry in shares if entry[1] > 0]


@dataclass(frozen=True)
class TransferRequest:
    """A whole transfer. `first` is the given first image, for the init "image"."""

    content: StoredImage
    styles: tuple[StoredStyle, ...]
    options: TransferOptions
    first: StoredImage | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> TransferRequest:
        styles = (
            StoredStyle(**style | {"images": tuple(StoredStyleImage(**image) for image in style["images"])})
            for style in row["styles"]
        )
        options = {name: value for name, value in row["options"].items() if value is not None}
        first = row["first"] and StoredImage(**row["first"])
        return cls(StoredImage(**row["content"]), tuple(styles), TransferOptions(**options), first)


def job_folder(id: str) -> str:
    """Where a job's own files lie."""
    return f"{FOLDER}/{id}"


def job_blob(id: str, name: str) -> str:
    """The key of one of them."""
    return f"{job_folder(id)}/{name}"
