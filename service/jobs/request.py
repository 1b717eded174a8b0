"""A job's request as its row holds it: pictures by blob key, all options filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from service.options import TransferOptions
from service.storage.pictures import StoredFile, StoredImage, StoredStyleImage

FOLDER = "jobs"
CHECKPOINT = "checkpoint"  # prefix of files that only an unfinished job needs
RESULT = "result"  # prefix of finished pictures


@dataclass(frozen=True)
class StoredStyle:
    """An entry of `styles`: a preset as it was when the job was submitted, or one image.

    Attributes:
        weight: its share in the average of its region.
        pack: the file of a preset that has no pictures.
        mask: over the content, the part that gets this style.
        style_mask: over its one image, the part that counts.
    """

    preset: str | None
    weight: float
    scale: float
    images: tuple[StoredStyleImage, ...]
    pack: StoredFile | None = None
    mask: StoredImage | None = None
    style_mask: StoredImage | None = None

    def sized(self) -> list[tuple[StoredStyleImage, float]]:
        """Return each image that has a weight, with its size relative to the output's; empty for a pack."""
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
    """One picture that a job paints.

    Attributes:
        first: the given initial image, for the init "image".
        protect, strength_map: masks over the content.
        label: its caption on the contact sheet.
    """

    styles: tuple[StoredStyle, ...]
    options: TransferOptions
    first: StoredImage | None = None
    protect: StoredImage | None = None
    strength_map: StoredImage | None = None
    label: str = ""

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Painting:
        """Read a row of this or an earlier version."""
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
    """A whole transfer: the base painting, and the variants that are painted instead of it, if there are any."""

    content: StoredImage
    base: Painting
    variants: tuple[Painting, ...] = ()

    @property
    def paintings(self) -> tuple[Painting, ...]:
        """All pictures that the job paints."""
        return self.variants or (self.base,)

    @property
    def size(self) -> int:
        """Pixels on the long edge of every picture."""
        return self.base.options.size

    def as_json(self) -> dict[str, Any]:
        variants = [asdict(painting) for painting in self.variants]
        return {"content": asdict(self.content), **asdict(self.base), "variants": variants}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> TransferRequest:
        variants = tuple(Painting.from_json(variant) for variant in row.get("variants", ()))
        return cls(StoredImage(**row["content"]), Painting.from_json(row), variants)


def painted(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the pictures that a transfer's row asks for, each with its `styles` and `options`."""
    return row.get("variants") or [row]


def iterations(row: Mapping[str, Any]) -> int:
    """Return the sum of the iterations of all pictures that a transfer's row asks for."""
    return sum(painting.get("options", {}).get("iterations") or 0 for painting in painted(row))


def blobs(request: Any) -> Iterator[str]:
    """Yield the keys of all files that a request of any kind refers to."""
    if isinstance(request, list):
        for entry in request:
            yield from blobs(entry)
    elif isinstance(request, dict):
        if isinstance(request.get("blob"), str):
            yield request["blob"]
        for entry in request.values():
            yield from blobs(entry)


def job_folder(id: str) -> str:
    """Return the folder of a job's own files."""
    return f"{FOLDER}/{id}"


def job_blob(id: str, name: str) -> str:
    """Return the key of one of a job's own files."""
    return f"{job_folder(id)}/{name}"
