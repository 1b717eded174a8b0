"""What a job is asked to do, as its row holds it: pictures by blob, every option filled in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from service.engine.options import TransferOptions

FOLDER = "jobs"


@dataclass(frozen=True)
class StoredImage:
    """An image that lies in the blobs; `width` and `height` in pixels, `sha256` of the file."""

    blob: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class StoredStyleImage(StoredImage):
    """A style image: its share within its style, and its size relative to the output's."""

    weight: float
    scale: float


@dataclass(frozen=True)
class StoredStyle:
    """An entry of `styles`: a preset as it was at that time, or one image. `weight` is its share in the average."""

    preset: str | None
    weight: float
    scale: float
    images: tuple[StoredStyleImage, ...]

    def shares(self) -> list[tuple[StoredStyleImage, float, float]]:
        """Each image with its share in the whole average and its size relative to the output's."""
        total = sum(image.weight for image in self.images)
        return [(image, self.weight * image.weight / total, self.scale * image.scale) for image in self.images]


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
        first = row["first"] and StoredImage(**row["first"])
        return cls(StoredImage(**row["content"]), tuple(styles), TransferOptions(**row["options"]), first)


def job_blob(id: str, name: str) -> str:
    """The key of one of a job's own files."""
    return f"{FOLDER}/{id}/{name}"
