"""The sizes that pictures may be brought to, the same for the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from service.errors import FieldError
from service.pictures.images import fitted_size

MAX_PIXELS = 64_000_000  # of an input image
MIN_SIDE = 16  # pixels: VGG19's four poolings leave one position
MAX_STYLE_SIZE = 4096  # pixels, long edge
LADDER = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Sizes in pixels that a pack is made for: those of default transfers of 128 to 1024 pixels, and half-way between."""


class HasSize(Protocol):
    """An object that knows the size of a picture in pixels."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


def content_size_errors(content: HasSize, size: int, loc: str = "content") -> list[FieldError]:
    """Return the error if a content image can't be brought to `size` pixels on its long edge, else no error."""
    if _short_side(content, size) >= MIN_SIDE:
        return []
    return [FieldError(loc, f"too narrow: its short side would be under {MIN_SIDE} pixels at this size")]


def photo_size_errors(loc: str, photos: Sequence[HasSize], size: int) -> list[FieldError]:
    """Return an error for each of a learning's `photos` that can't be a content image of `size` pixels.

    `loc` is put before the names of fields.
    """
    return [error for k, photo in enumerate(photos) for error in content_size_errors(photo, size, f"{loc}photos.{k}")]


def style_size_errors(loc: str, styles: Sequence[tuple[HasSize, float]], size: int) -> list[FieldError]:
    """Return the first error if style images can't be brought to `scale * size` pixels on their long edge.

    `loc` is the field of the scale, which the error names.
    """
    for picture, scale in styles:
        long_edge = round(scale * size)
        if long_edge > MAX_STYLE_SIZE:
            return [FieldError(loc, f"too large: {long_edge} pixels; at most {MAX_STYLE_SIZE} are taken")]
        if _short_side(picture, long_edge) < MIN_SIDE:
            return [FieldError(loc, f"too small: the style image's short side would be under {MIN_SIDE} pixels")]
    return []


def levels_that_fit(styles: Sequence[tuple[HasSize, float]], size: int, levels: int) -> int:
    """Return how many of `levels` levels, each half as large as the next, every style image can follow."""
    return max(
        (n for n in range(1, levels + 1) if not style_size_errors("", styles, size // 2 ** (n - 1))), default=1
    )


def _short_side(picture: HasSize, size: int) -> int:
    return min(fitted_size(picture.width, picture.height, size)) if size else 0
