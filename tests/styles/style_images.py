"""Style images, and an extractor that remembers what it was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from front_door import png

from service import images
from service.images import Picture
from service.styles.extractor import GramExtractor, Grams
from service.styles.grams import StyleImage, Treatment

FIVE = tuple(f"relu{block}_1" for block in range(1, 6))
MIB = 2**20
PLAIN = Treatment()


class CountingExtractor:
    """The extractor, and the pictures and layers it was asked for."""

    def __init__(self, extractor: GramExtractor) -> None:
        self._extractor = extractor
        self.asked: list[tuple[Picture, tuple[str, ...]]] = []

    def grams(self, picture: Picture, layers: Sequence[str]) -> Grams:
        self.asked.append((picture, tuple(layers)))
        return self._extractor.grams(picture, layers)


def style(picture: Picture, read: Callable[[], bytes] | None = None, **shares: float) -> StyleImage:
    data = png(picture)
    return StyleImage(read or (lambda: data), images.digest(data), picture.shape[1], picture.shape[0], **shares)
