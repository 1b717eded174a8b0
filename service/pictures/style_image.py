"""A style image, in one shape for a request, a row and a transfer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.pictures.sizes import HasSize

F = TypeVar("F", bound=HasSize)
F_co = TypeVar("F_co", bound=HasSize, covariant=True)


@dataclass(frozen=True)
class StyleImage(Generic[F_co]):
    """One style image.

    Attributes:
        file: the picture: an ImageFile in a request, a StoredImage in a row, a PictureFile for a transfer.
        weight: share in the average of its style's Grams; any scale.
        scale: its long edge relative to the output's.
        mask: a grey picture of any size, whose brightness says how much each place of the style image counts.
    """

    file: F_co
    weight: float = 1.0
    scale: float = 1.0
    mask: F_co | None = None

    @property
    def width(self) -> int:
        """The picture's width in pixels."""
        return self.file.width

    @property
    def height(self) -> int:
        """The picture's height in pixels."""
        return self.file.height


def heaviest(images: Iterable[StyleImage[F]]) -> StyleImage[F]:
    """Return the image with the largest weight, which stands for all where one is shown."""
    return max(images, key=lambda image: image.weight)
