"""How rows speak of images that lie in the blobs."""

from __future__ import annotations

from dataclasses import dataclass


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
