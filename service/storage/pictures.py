"""Files in the blob store, as rows refer to them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredFile:
    """A file in the blob store; `sha256` is of its bytes."""

    blob: str
    sha256: str


@dataclass(frozen=True)
class StoredImage(StoredFile):
    """An image; `width` and `height` in pixels."""

    width: int
    height: int


@dataclass(frozen=True)
class StoredStyleImage(StoredImage):
    """A style image: its share within its style, and its size relative to the output's."""

    weight: float
    scale: float
