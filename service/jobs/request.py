"""What a job is asked to do, as its row holds it: pictures by blob, every option filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from service.options import TransferOptions
from service.storage.pictures import StoredFile, StoredImage, StoredStyleImage

FOLDER = "jobs"
CHECKPOINT = "checkpoint"  # how the names of files begin that only an unfinished job needs
RESULT = "result"  # how those of finished pictures do


@dataclass(frozen=True)
class StoredStyle:
    """An entry of `styles`: a preset as it was at that time, or one image.

    Attributes:
        weight: its share in the average of its region.
        pack: the file of a preset that has no pictures.
        mask: over the content, where the style goes.
        style_mask: over its one image, which part of it counts.
    """

    preset: str | None
    weight: float
    scale: float
    images: tuple[StoredStyleImage, ...]
    pack: StoredFile | None = None
    mask: StoredImage | None = None
    style_mask: StoredImage | None = None

    def sized(self) -> list[tuple[StoredStyleImage, float]]:
        """Each image that has a share in the average, with its size relative to the output's; none of a pack."""
        if self.pack is not None or not self.weight:
            return []
        return [(image, self.scale * image.scale) for image in self.images if image.weight > 0]

    @classmethod
    def from_json(cls, style: Mapping[str, Any]) -> StoredStyle:
        pictures = {
            name: style[name] and StoredImage(**style[name]) for name in ("mask", "style_mask") if name in style
        }
        pack = style.get("pack") and StoredFile(**style["pack"])
        images = tuple(StoredStyleImage(**image) for image in style["images"])
        return cls(style["preset"], style["weight"], style["scale"], images, pack, **pictures)


@dataclass(frozen=True)
class Painting:
    """One picture that a job makes.

    Attributes:
        first: the given first image, for the init "image".
        protect, strength_map: masks over the content.
        label: what is particular about it, for the contact sheet.
    """

    styles: tuple[StoredStyle, ...]
    options: TransferOptions
    first: StoredImage | None = None
    protect: StoredImage | None = None
    strength_map: StoredImage | None = None
    label: str = ""

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Painting:
        """From a row of this version or of one before."""
        pictures = {
            name: StoredImage(**row[name])
            for name in ("first", "protect", "strength_map")
            if row.get(name) is not None
        }
        options = {name: value for name, value in row["options"].items() if value is not None}
        styles = tuple(StoredStyle.from_json(style) for style in row["styles"])
        return cls(styles, TransferOptions(**options), label=row.get("label", ""), **pictures)


@dataclass(frozen=True)
class TransferRequest:
    """A whole transfer: what is asked for, and the variants of it that are painted instead, if there are any."""

    content: StoredImage
    base: Painting
    variants: tuple[Painting, ...] = ()

    @property
    def paintings(self) -> tuple[Painting, ...]:
        """All pictures that the job makes."""
        return self.variants or (self.base,)

    @property
    def size(self) -> int:
        """Of all of them: pixels on the long edge."""
        return self.base.options.size

    def as_json(self) -> dict[str, Any]:
        variants = [asdict(painting) for painting in self.variants]
        return {"content": asdict(self.content), **asdict(self.base), "variants": variants}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> TransferRequest:
        variants = tuple(Painting.from_json(variant) for variant in row.get("variants", ()))
        return cls(StoredImage(**row["content"]), Painting.from_json(row), variants)


def painted(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The pictures that a transfer's row asks for, each with its `styles` and `options`."""
    return row.get("variants") or [row]


def iterations(row: Mapping[str, Any]) -> int:
    """Of all pictures that a transfer's row asks for."""
    return sum(painting.get("options", {}).get("iterations") or 0 for painting in painted(row))


def blobs(asked: Any) -> Iterator[str]:
    """The keys of all files that a row of any kind refers to."""
    if isinstance(asked, list):
        for entry in asked:
            yield from blobs(entry)
    elif isinstance(asked, dict):
        if isinstance(asked.get("blob"), str):
            yield asked["blob"]
        for entry in asked.values():
            yield from blobs(entry)


def job_folder(id: str) -> str:
    """Where a job's own files lie."""
    return f"{FOLDER}/{id}"


def job_blob(id: str, name: str) -> str:
    """The key of one of them."""
    return f"{job_folder(id)}/{name}"
