"""Files in the blob store, as rows refer to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.pictures.style_image import StyleImage
from service.storage.typed_json import Json, Record, number_in


@dataclass(frozen=True)
class StoredFile(Record):
    """A file in the blob store; `sha256` is of its bytes."""

    blob: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class StoredImage(StoredFile):
    """An image; `width` and `height` in pixels. The images of a preset that came as a pack have no `blob`.

    `name` is the file name that it came with, made safe; empty if it came without one.
    """

    width: int = 0
    height: int = 0
    name: str = field(default="", kw_only=True)

    def to_json(self) -> Json:
        return {key: value for key, value in vars(self).items() if key != "name" or value}


@dataclass(frozen=True)
class StoredPainter(StoredFile):
    """A painter's weights; `size` is the long edge in pixels that it learned for, 0 where that isn't known."""

    size: int = 0


def style_image_to_json(image: StyleImage[StoredImage]) -> Json:
    """Return a style image as rows hold it, without its mask, which the style's JSON holds."""
    return image.file.to_json() | {"weight": image.weight, "scale": image.scale}


def style_image_from_json(json: Mapping[str, Any], mask: StoredImage | None = None) -> StyleImage[StoredImage]:
    """Read a style image from a row of any version."""
    return StyleImage(
        StoredImage.from_json(json), number_in(json, "weight", 1.0), number_in(json, "scale", 1.0), mask
    )


def digests_of(images: Iterable[StyleImage[StoredImage]]) -> set[str]:
    """Return the SHA-256 of a preset's pictures; none where it came as a pack, as its sender may say any."""
    return {image.file.sha256 for image in images if image.file.blob}


def style_images_to_json(images: tuple[StyleImage[StoredImage], ...]) -> list[Json]:
    """Return a preset's images as their column holds them."""
    return [style_image_to_json(image) for image in images]


def style_images_from_json(json: list[Json]) -> tuple[StyleImage[StoredImage], ...]:
    """Read the column of a preset's images."""
    return tuple(style_image_from_json(image) for image in json)
