"""Guidance: regions of the styles, places to keep, places to paint more or less (Gatys 2017, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from service.pictures import images
from service.pictures.images import Mask


@dataclass(frozen=True, eq=False)
class Guidance:
    """Masks over the content, each H x W in [0, 1] of any size: they are resized to the picture.

    Attributes:
        regions: where each Gram target goes; None for everywhere.
        protect: 1 where the content stays.
        strength_map: factor of the style's weight at each place.
    """

    regions: tuple[Mask | None, ...] = (None,)
    protect: Mask | None = None
    strength_map: Mask | None = None

    def weights(self, width: int, height: int, margin: int) -> list[Mask | None]:
        """Return how much each place counts for each region, H x W with a mirrored margin; None for 1 everywhere.

        Protected places count for no region.
        """
        common = [self.strength_map, None if self.protect is None else 1 - self.protect]
        return [_product([region, *common], width, height, margin) for region in self.regions]

    def protected(self, width: int, height: int, margin: int) -> Mask | None:
        """Return the mask of protected places, H x W with a mirrored margin; None if no place is protected."""
        return _product([self.protect], width, height, margin)


EVERYWHERE = Guidance()


def _product(masks: list[Mask | None], width: int, height: int, margin: int) -> Mask | None:
    given = [
        np.pad(images.resize_mask(mask, width, height), margin, mode="symmetric")
        for mask in masks
        if mask is not None
    ]
    return np.asarray(np.prod(given, axis=0), np.float32) if given else None
