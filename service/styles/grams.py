"""The Gram targets of a transfer: each style image's from the cache or the extractor, then their averages."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.decoding import files
from service.pictures import images
from service.pictures.images import Picture
from service.styles.cache import GramCache, GramKey
from service.styles.extractor import GramExtractor, Grams
from service.styles.packs import Pack
from service.telemetry.instruments import style_grams

PACKS = 2  # of some 27 MB kept in memory, the last ones asked for


@dataclass(frozen=True)
class File:
    """A file that is read when it is needed; `sha256` is of its bytes."""

    read: Callable[[], bytes]
    sha256: str


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


@dataclass
class Tally:
    """How many Grams were found in the cache, of how many."""

    hits: int = 0
    images: int = 0

    def count(self, *, hit: bool) -> None:
        self.images += 1
        self.hits += hit

    @property
    def cache(self) -> str:
        """As the API's `style_cache`: "hit", "partial" or "miss"."""
        return "hit" if self.hits == self.images else "partial" if self.hits else "miss"


@dataclass(frozen=True)
class Targets:
    """Averaged Grams, and where they came from."""

    grams: Grams
    tally: Tally = field(default_factory=Tally)

    @property
    def cache(self) -> str:
        return self.tally.cache


@dataclass(frozen=True)
class _Wanted:
    """What all styles of a transfer are asked for."""

    size: int
    layers: tuple[str, ...]
    treatment: Treatment
    on_tick: Callable[[], None]
    computed: dict[GramKey, Grams] = field(default_factory=dict)  # one image may be there twice


class StyleGrams:
    """Finds or computes the Grams of style images."""

    def __init__(self, extractor: GramExtractor, cache: GramCache, model: str) -> None:
        """`model` is the SHA-256 of the extractor's model."""
        self._extractor = extractor
        self._cache = cache
        self._model = model
        self._packs: OrderedDict[str, Pack] = OrderedDict()

    def targets(
        self,
        styles: Sequence[Style],
        size: int,
        layers: Sequence[str],
        treatment: Treatment,
        on_tick: Callable[[], None] = lambda: None,
    ) -> Targets:
        """The weighted average of the styles' Grams, for an output of `size` pixels on its long edge.

        Each style is averaged first and rounded to float32, so that a pack, which holds such averages, gives the very
        same. `on_tick` is called before each style image, and each part of a large one; what it raises ends this.
        """
        wanted = _Wanted(size, tuple(sorted(layers)), treatment, on_tick)
        tally = Tally()
        found = [self._style(style, wanted, tally) for style in styles]
        return Targets(average(found, [style.weight for style in styles]), tally)

    def _style(self, style: Style, wanted: _Wanted, tally: Tally) -> Grams:
        if style.pack is not None:
            tally.count(hit=True)
            style_grams.labels("pack").inc()
            return self._pack(style.pack).grams(style.scale * wanted.size, wanted.layers)
        return average(
            [self._image(image, wanted, tally) for image in style.images], [image.weight for image in style.images]
        )

    def _image(self, image: StyleImage, wanted: _Wanted, tally: Tally) -> Grams:
        wanted.on_tick()
        key = self._key(image, wanted)
        grams = None if key in wanted.computed else self._cache.get(key)
        tally.count(hit=grams is not None)
        if grams is not None:
            return grams
        if key not in wanted.computed:
            wanted.computed[key] = self._compute(image, key, wanted)
        return wanted.computed[key]

    def _key(self, image: StyleImage, wanted: _Wanted) -> GramKey:
        width, height = images.fitted_size(image.width, image.height, round(image.scale * wanted.size))
        mask = image.mask.sha256 if image.mask else ""
        return GramKey(self._model, image.file.sha256, width, height, wanted.layers, wanted.treatment.name, mask)

    def _compute(self, image: StyleImage, key: GramKey, wanted: _Wanted) -> Grams:
        picture = images.resize(files.decode(image.file.read(), wanted.on_tick), key.width, key.height)
        picture = wanted.treatment.apply(picture)
        mask = None
        if image.mask is not None:
            mask = images.resize_mask(files.decode_mask(image.mask.read(), wanted.on_tick), key.width, key.height)
        wanted.on_tick()
        grams = self._extractor.grams(picture, key.layers, mask, wanted.on_tick)
        style_grams.labels("computed").inc()
        self._cache.put(key, grams)
        return grams

    def _pack(self, file: File) -> Pack:
        if file.sha256 not in self._packs:
            self._packs[file.sha256] = Pack.from_bytes(file.read())
        self._packs.move_to_end(file.sha256)
        while len(self._packs) > PACKS:
            self._packs.popitem(last=False)
        return self._packs[file.sha256]


def average(grams: Sequence[Grams], weights: Sequence[float]) -> Grams:
    """The weighted average of Grams, layer by layer; the weights' sum may be anything above 0."""
    return {
        layer: np.average([g[layer] for g in grams], axis=0, weights=weights).astype(np.float32) for layer in grams[0]
    }
