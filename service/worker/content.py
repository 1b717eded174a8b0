"""A job's content image in the sizes that its pictures need."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from service.pictures import images, sheet
from service.pictures.cutout import fitted
from service.pictures.images import Cutout, Picture


@dataclass(frozen=True, eq=False)
class Content:
    """The content image, decoded once for all pictures of a job; the decoded file itself need not stay in memory.

    Attributes:
        fitted: value of the option `alpha` -> the image in the output's size.
    """

    fitted: Mapping[str, Cutout]

    @classmethod
    def of(cls, cutout: Cutout, size: int, alphas: Collection[str]) -> Content:
        """Fit a decoded file to `size` pixels on its long edge."""
        by_alpha = {
            alpha: Cutout(images.resize_long_edge(cutout.over_white(), size), None)
            if alpha == "flatten"
            else fitted(cutout, size)
            for alpha in alphas
        }
        return cls(by_alpha)

    def cell(self) -> Picture:
        """Return the image over white, in the size of the contact sheet's pictures."""
        shown = next(iter(self.fitted.values())).over_white()
        return images.resize_long_edge(shown, sheet.CELL)
