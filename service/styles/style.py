"""Styles of a transfer: images or a pack, with weights, scales, masks and painters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service.decoding.decoded import File, PictureFile
from service.errors import JobFailed
from service.pictures.images import Picture
from service.pictures.style_image import StyleImage


@dataclass(frozen=True)
class Style:
    """One of a transfer's styles: the average of its images' Grams, or the Grams of a pack.

    Attributes:
        weight: share in the average of all styles of its region; any scale.
        scale: for a pack, the style's size relative to the output's; images have their own.
        painter: the weights of the network that paints in this style.
        mask: over the content image: white where this style goes. Styles with equal masks make a region.
    """

    images: tuple[StyleImage[PictureFile], ...] = ()
    pack: File | None = None
    weight: float = 1.0
    scale: float = 1.0
    mask: File | None = None
    painter: File | None = None

    def painter_file(self) -> File:
        """Return the painter's file. Raises JobFailed where there is none."""
        if self.painter is None:
            raise JobFailed("a style has no painter")
        return self.painter

    @classmethod
    def of(cls, image: StyleImage[PictureFile], weight: float = 1.0) -> Style:
        """Return a style of one image."""
        return cls((image,), weight=weight)


@dataclass(frozen=True)
class Treatment:
    """A treatment of a style image's colours before its Grams; `name` tells it from others in the cache's key."""

    name: str = ""
    apply: Callable[[Picture], Picture] = lambda picture: picture
