"""The Gram targets of a transfer: each style image's from the cache or the extractor, then their average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from service import images
from service.images import Picture
from service.styles.cache import GramCache, GramKey
from service.styles.extractor import GramExtractor, Grams


@dataclass(frozen=True)
class StyleImage:
    """One style image of a transfer.

    Attributes:
        read: gives the file's bytes; called only where the Grams aren't cached.
        sha256: of those bytes.
        width, height: pixels of the picture in the file.
        weight: share in the average of the Grams; any scale.
        scale: its long edge relative to the output's.
    """

    read: Callable[[], bytes]
    sha256: str
    width: int
    height: int
    weight: float = 1.0
    scale: float = 1.0


@dataclass(frozen=True)
class Treatment:
    """What is done to a style image's colours before its Grams; `name` tells it from others in the cache's key."""

    name: str = ""
    apply: Callable[[Picture], Picture] = lambda picture: picture


@dataclass(frozen=True)
class Targets:
    """Averaged Grams, and how many of the style images' were found in the cache."""

    grams: Grams
    hits: int
    images: int

    @property
    def cache(self) -> str:
        """As the API's `style_cache`: "hit", "partial" or "miss"."""
        return "hit" if self.hits == self.images else "partial" if self.hits else "miss"


class StyleGrams:
    """Finds or computes the Grams of style images."""

    def __init__(self, extractor: GramExtractor, cache: GramCache, model: str) -> None:
        """`model` is the SHA-256 of the extractor's model."""
        self._extractor = extractor
        self._cache = cache
        self._model = model

    def targets(
        self,
        styles: Sequence[StyleImage],
        size: int,
        layers: Sequence[str],
        treatment: Treatment,
        on_tick: Callable[[], None] = lambda: None,
    ) -> Targets:
        """The weighted average of the style images' Grams, for an output of `size` pixels on its long edge.

        `on_tick` is called before each style image; what it raises ends this.
        """
        keys = [self._key(style, size, layers, treatment) for style in styles]
        found = {key: grams for key in keys if (grams := self._cache.get(key)) is not None}
        hits = sum(key in found for key in keys)
        for style, key in zip(styles, keys, strict=True):
            on_tick()
            if key not in found:
                found[key] = self._compute(style, key, treatment)
        return Targets(average([found[key] for key in keys], [style.weight for style in styles]), hits, len(styles))

    def _key(self, style: StyleImage, size: int, layers: Sequence[str], treatment: Treatment) -> GramKey:
        width, height = images.fitted_size(style.width, style.height, round(style.scale * size))
        return GramKey(self._model, style.sha256, width, height, tuple(sorted(layers)), treatment.name)

    def _compute(self, style: StyleImage, key: GramKey, treatment: Treatment) -> Grams:
        picture = images.resize(images.decode(style.read()), key.width, key.height)
        grams = self._extractor.grams(treatment.apply(picture), key.layers)
        self._cache.put(key, grams)
        return grams


def average(grams: Sequence[Grams], weights: Sequence[float]) -> Grams:
    """The weighted average of Grams, layer by layer; the weights' sum may be anything above 0."""
    return {
        layer: np.average([g[layer] for g in grams], axis=0, weights=weights).astype(np.float32) for layer in grams[0]
    }
