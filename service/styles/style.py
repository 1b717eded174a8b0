"""Styles as a transfer is given them: images or a pack, with weights, scales and masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service.decoding.decoded import File
from service.pictures.images import Picture


@dataclass(frozen=True)
class StyleImage:
    """One style image.

    Attributes:
        file: the picture.
        width, height: its pixels.
        weight: share in the average of its style's Grams; any scale.
        scale: its long edge relative to the output's.
        mask: grey, over the picture: which part of it counts.
    """

    file: File
    width: int
    height: int
    weight: float = 1.0
    scale: float = 1.0
    mask: File | None = None


@dataclass(frozen=True)
class Style:
    """One of a transfer's styles: the average of its images' Grams, or the Grams of a pack.

    Attributes:
        weight: share in the average of all styles of its region; any scale.
        scale: for a pack, the style's size relative to the output's; images have their own.
        mask: grey, over the content: where this style goes. Styles with one mask make a region.
    """

    images: tuple[StyleImage, ...] = ()
    pack: File | None = None
    weight: float = 1.0
    scale: float = 1.0
    mask: File | None = None

    @classmethod
    def of(cls, image: StyleImage, weight: float = 1.0) -> Style:
        """A style of one image."""
        return cls((image,), weight=weight)


@dataclass(frozen=True)
class Treatment:
    """What is done to a style image's colours before its Grams; `name` tells it from others in the cache's key."""

    name: str = ""
    apply: Callable[[Picture], Picture] = lambda picture: picture
