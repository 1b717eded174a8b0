"""A style image, the same shape in a request, in a row and for the painter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from service.pictures.sizes import HasSize

F_co = TypeVar("F_co", bound=HasSize, covariant=True)


@dataclass(frozen=True)
class StyleImage(Generic[F_co]):
    """One style image.

    Attributes:
        file: the picture: an ImageFile in a request, a StoredImage in a row, a PictureFile for the painter.
        weight: share in the average of its style's Grams; any scale.
        scale: its long edge relative to the output's.
        mask: grey, over the picture: which part of it counts.
    """

    file: F_co
    weight: float = 1.0
    scale: float = 1.0
    mask: F_co | None = None

    @property
    def width(self) -> int:
        """Pixels of the picture."""
        return self.file.width

    @property
    def height(self) -> int:
        """Pixels of the picture."""
        return self.file.height
