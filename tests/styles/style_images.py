"""Styles of one image, and an extractor that remembers what it was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from front_door import png

from service.decoding.decoded import DecodedFiles, PictureFile
from service.pictures import images
from service.pictures.images import Mask, Picture
from service.pictures.style_image import StyleImage
from service.styles.extractor import GramExtractor, Grams
from service.styles.grams import StyleGrams, Tally
from service.styles.style import Style, Treatment

FIVE = tuple(f"relu{block}_1" for block in range(1, 6))
MIB = 2**20
PLAIN = Treatment()


class CountingExtractor:
    """The extractor, and the pictures, layers and masks it gave Grams for."""

    def __init__(self, extractor: GramExtractor) -> None:
        self._extractor = extractor
        self.asked: list[tuple[Picture, tuple[str, ...], Mask | None]] = []

    def grams(self, picture: Picture, layers: Sequence[str], mask: Mask | None, on_tick: Callable[[], None]) -> Grams:
        grams = self._extractor.grams(picture, layers, mask, on_tick)
        self.asked.append((picture, tuple(layers), mask))
        return grams


@dataclass(frozen=True)
class Found:
    """The Gram targets of one size, and how the cache answered."""

    grams: Grams
    tally: Tally

    @property
    def cache(self) -> str:
        return self.tally.cache


def targets_of(  # noqa: PLR0917
    grams: StyleGrams,
    styles: Sequence[Style],
    size: int,
    layers: Sequence[str],
    treatment: Treatment,
    on_tick: Callable[[], None] = lambda: None,
) -> Found:
    """Ask for one size, with nothing decoded before."""
    found = grams.targets(styles, [size], layers, treatment, decoded=DecodedFiles(0), on_tick=on_tick)
    return Found(found.grams[size], found.tally)


@dataclass(frozen=True)
class LazyFile:
    """A file whose reading a test can watch."""

    width: int
    height: int
    sha256: str
    read_it: Callable[[], bytes]

    def read(self) -> bytes:
        return self.read_it()


def file(data: bytes, read: Callable[[], bytes] | None = None, shape: Sequence[int] = (0, 0)) -> LazyFile:
    return LazyFile(shape[1], shape[0], images.digest(data), read or (lambda: data))


def style_image(
    picture: Picture, read: Callable[[], bytes] | None = None, *, mask: Picture | None = None, **shares: float
) -> StyleImage[PictureFile]:
    """`mask` is a picture as well, grey; `shares` are the weight and the scale."""
    grey = None if mask is None else file(png(mask))
    return StyleImage(file(png(picture), read, picture.shape), mask=grey, **shares)


def style(
    picture: Picture,
    read: Callable[[], bytes] | None = None,
    *,
    weight: float = 1.0,
    scale: float = 1.0,
    mask: Picture | None = None,
) -> Style:
    """A style of one image."""
    return Style.of(style_image(picture, read, mask=mask, scale=scale), weight)
