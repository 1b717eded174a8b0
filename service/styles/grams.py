"""The Gram targets of a transfer: each style image's from the cache or the extractor, then their averages."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from service.decoding.decoded import DecodedFiles, File, PictureFile
from service.pictures import images
from service.pictures.style_image import StyleImage
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor, Grams
from service.styles.gram_keys import GramKey
from service.styles.packs import Pack
from service.styles.style import Style, Treatment
from service.telemetry.instruments import style_grams

PACKS = 54 * 10**6  # bytes of packs that stay in memory, as two take that workers made; one stays, however large


@dataclass
class Tally:
    """A count of the Grams that the cache had (`hits`), and of all (`images`)."""

    hits: int = 0
    images: int = 0

    def count(self, *, hit: bool) -> None:
        self.images += 1
        self.hits += hit

    @property
    def cache(self) -> str:
        """The API's `style_cache`: "hit", "partial" or "miss"."""
        return "hit" if self.hits == self.images else "partial" if self.hits else "miss"


@dataclass(frozen=True)
class Targets:
    """Averaged Grams by the output's size in pixels, and how many of them the cache had."""

    grams: dict[int, Grams]
    tally: Tally


class Mean:
    """The weighted mean of Grams, layer by layer; they are added one after another.

    It equals NumPy's average of all of them to the bit. The sum of the weights must be above 0.
    """

    def __init__(self) -> None:
        self._sums: dict[str, npt.NDArray[np.float64]] = {}
        self._weights: list[float] = []

    def add(self, grams: Grams, weight: float) -> None:
        self._weights.append(weight)
        for layer, gram in grams.items():
            part = np.multiply(gram, weight, dtype=np.float64)
            self._sums[layer] = self._sums[layer] + part if layer in self._sums else part

    def grams(self) -> Grams:
        total = np.sum(self._weights)
        return {layer: (values / total).astype(np.float32) for layer, values in self._sums.items()}


@dataclass(frozen=True)
class _Wanted:
    """The request for the Grams of all styles of a transfer.

    Attributes:
        uses: how often the Grams of each key are still needed.
        computed: new Grams that are still needed.
    """

    sizes: tuple[int, ...]
    layers: tuple[str, ...]
    treatment: Treatment
    decoded: DecodedFiles
    on_tick: Callable[[], None]
    uses: Counter[GramKey] = field(default_factory=Counter)
    computed: dict[GramKey, Grams] = field(default_factory=dict)


class GramWatcher(Protocol):
    """What is told of a job's Grams. An exception that it raises ends the computation."""

    def computing(self, pixels: int) -> None:
        """Note that Grams are going to be computed, of a picture of so many pixels."""

    def at_hand(self) -> None:
        """Note that one more of the Grams that are needed is at hand: it was in the cache, or is there now."""


class StyleGrams:
    """The Grams of style images, from the cache or computed."""

    def __init__(self, extractor: GramExtractor, cache: GramCache, model: str) -> None:
        """`model` is the SHA-256 of the extractor's model."""
        self._extractor = extractor
        self._cache = cache
        self._model = model
        self._packs: OrderedDict[str, Pack] = OrderedDict()
        self._watcher: GramWatcher | None = None

    @contextmanager
    def watched(self, watcher: GramWatcher) -> Iterator[None]:
        """Tell `watcher` of all Grams that are needed meanwhile."""
        self._watcher = watcher
        try:
            yield
        finally:
            self._watcher = None

    @property
    def memory(self) -> int:
        """The bytes of Grams and packs that this process keeps."""
        return self._cache.memory + self._packs_memory

    @property
    def _packs_memory(self) -> int:
        return sum(pack.nbytes for pack in self._packs.values())

    def forget(self) -> None:
        """Forget the Grams that this process keeps. A pack stays: only who has its file asks for it."""
        self._cache.forget()

    def targets(
        self,
        styles: Sequence[Style],
        sizes: Sequence[int],
        layers: Sequence[str],
        treatment: Treatment,
        *,
        decoded: DecodedFiles,
        on_tick: Callable[[], None] = lambda: None,
    ) -> Targets:
        """Return the weighted average of the styles' Grams for outputs of `sizes` pixels on their long edges.

        Each image is decoded at most once for all sizes. Each style is averaged first and rounded to float32, so that
        a pack, which holds such averages, gives exactly what its images would. `on_tick` is called before each style
        image, and each part of a large one; an exception that it raises ends the computation.
        """
        wanted = _Wanted(tuple(sizes), tuple(sorted(layers)), treatment, decoded, on_tick)
        self._count_uses(styles, wanted)
        tally = Tally()
        means = {size: Mean() for size in wanted.sizes}
        for style in styles:
            for size, grams in self._style(style, wanted, tally).items():
                means[size].add(grams, style.weight)
        return Targets({size: mean.grams() for size, mean in means.items()}, tally)

    def _count_uses(self, styles: Sequence[Style], wanted: _Wanted) -> None:
        for style in styles:
            wanted.uses.update(self._key(image, size, wanted) for image in style.images for size in wanted.sizes)

    def _style(self, style: Style, wanted: _Wanted, tally: Tally) -> dict[int, Grams]:
        if style.pack is not None:
            return {size: self._of_pack(style.pack, style.scale * size, wanted, tally) for size in wanted.sizes}
        means = {size: Mean() for size in wanted.sizes}
        for image in style.images:
            for size, grams in self._image(image, wanted, tally).items():
                means[size].add(grams, image.weight)
        return {size: mean.grams() for size, mean in means.items()}

    def _of_pack(self, file: File, size: float, wanted: _Wanted, tally: Tally) -> Grams:
        tally.count(hit=True)
        style_grams.labels("pack").inc()
        return self._pack(file).grams(size, wanted.layers)

    def _image(self, image: StyleImage[PictureFile], wanted: _Wanted, tally: Tally) -> dict[int, Grams]:
        wanted.on_tick()
        keys = {size: self._key(image, size, wanted) for size in wanted.sizes}
        found = {key: self._cached(key, wanted, tally) for key in keys.values()}
        missing = [key for key, grams in found.items() if grams is None and key not in wanted.computed]
        if missing:
            wanted.computed.update(self._compute(image, missing, wanted))
        answer = {size: found[key] or wanted.computed[key] for size, key in keys.items()}
        for key in keys.values():
            wanted.uses[key] -= 1
            if not wanted.uses[key]:
                wanted.computed.pop(key, None)
        return answer

    def _cached(self, key: GramKey, wanted: _Wanted, tally: Tally) -> Grams | None:
        grams = None if key in wanted.computed else self._cache.get(key)
        tally.count(hit=grams is not None)
        if self._watcher and (grams is not None or key in wanted.computed):
            self._watcher.at_hand()
        return grams

    def _key(self, image: StyleImage[PictureFile], size: int, wanted: _Wanted) -> GramKey:
        width, height = images.fitted_size(image.width, image.height, round(image.scale * size))
        mask = image.mask.sha256 if image.mask else ""
        return GramKey(self._model, image.file.sha256, width, height, wanted.layers, wanted.treatment.name, mask)

    def _compute(
        self, image: StyleImage[PictureFile], keys: Sequence[GramKey], wanted: _Wanted
    ) -> dict[GramKey, Grams]:
        """Return an image's Grams at each key's size, and keep them in the cache."""
        sizes = [(key.width, key.height) for key in keys]
        pictures = wanted.decoded.pictures(image.file, sizes, wanted.on_tick)
        masks = wanted.decoded.masks(image.mask, sizes, wanted.on_tick) if image.mask else [None for _ in keys]
        wanted.on_tick()
        computed = {}
        for key, picture, mask in zip(keys, pictures, masks, strict=True):
            if self._watcher:
                self._watcher.computing(key.width * key.height)
            treated = wanted.treatment.apply(picture)
            computed[key] = self._extractor.grams(treated, key.layers, mask, wanted.on_tick)
            style_grams.labels("computed").inc()
            self._cache.put(key, computed[key])
            if self._watcher:
                self._watcher.at_hand()
        return computed

    def _pack(self, file: File) -> Pack:
        if file.sha256 not in self._packs:
            self._packs[file.sha256] = Pack.from_bytes(file.read())
        self._packs.move_to_end(file.sha256)
        while self._packs_memory > PACKS and len(self._packs) > 1:
            self._packs.popitem(last=False)
        return self._packs[file.sha256]
