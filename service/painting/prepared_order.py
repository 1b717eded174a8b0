"""An order made ready for the engine: pictures in their sizes, regions, and the Gram targets of each level."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from service.decoding.decoded import PictureFile
from service.engine.vgg import VGG
from service.errors import JobFailed
from service.network.levels import plan
from service.options import PAINTER
from service.painters.sessions import Painters
from service.painting.guided_order import GuidedOrder
from service.painting.order import Order
from service.pictures import colour, images
from service.pictures.images import Picture
from service.pictures.sizes import levels_that_fit
from service.pictures.style_image import StyleImage, heaviest
from service.styles.extractor import Grams
from service.styles.grams import StyleGrams, Tally
from service.styles.style import Style, Treatment


class PreparedOrder:
    """The content in its size, the initial image, the guidance, and the Gram targets of each level."""

    def __init__(
        self, grams: StyleGrams, encoder: VGG, painters: Painters, order: Order, on_tick: Callable[[], None]
    ) -> None:
        self._grams = grams
        self._painters = painters
        self._encoder = encoder
        self._order = order
        self._on_tick = on_tick
        self._guided = guided = GuidedOrder(order, on_tick)
        self._regions = guided.regions
        self.content, self.guidance = guided.content, guided.guidance
        self._found: dict[int, list[Grams]] = {}
        options = order.options
        sizes = [(image, image.scale) for style in order.styles for image in style.images]
        if options.method == PAINTER:  # the painters' picture is refined at the output's size only
            self.options = replace(options, method="optimize", init="image", levels=1)
        else:
            self.options = replace(options, levels=levels_that_fit(sizes, options.size, options.levels))
        self._treatment = _treatment(options.color, self.content)
        self.tally = Tally()
        self.seconds = 0.0

    def initial_image(self, on_evaluated: Callable[[int], None]) -> Picture | None:
        """Return the picture for the inits "image" and "style"; None for the others, which need none.

        With the method "painter" it is the painters' picture; `on_evaluated` is called for each of their passes.
        """
        if self._order.options.method == PAINTER:
            return self._guided.painted(self._painters, on_evaluated)
        if self.options.init != "style":
            return self._order.initial_image
        height, width = self.content.shape[:2]
        whole = self._order.decoded.picture(_shown(self._order.styles).file, self._on_tick)
        picture = self._treatment.apply(images.cover(whole, width, height))
        self._on_tick()
        return picture

    def grams_at(self, size: int) -> list[Grams]:
        """Return the Gram targets of each region, for an output of `size` pixels on its long edge.

        The first call finds those of all finer levels too, so that each style image is decoded once.
        """
        if size not in self._found:
            begun = time.monotonic()
            sizes = self._sizes_from(size)
            by_region = [self._targets(styles, sizes) for styles in self._regions.values()]
            self._found |= {at: [grams[at] for grams in by_region] for at in sizes}
            self.seconds += time.monotonic() - begun
        return self._found[size]

    def _sizes_from(self, size: int) -> list[int]:
        """Return a level's size and those of the finer ones."""
        height, width = self.content.shape[:2]
        levels = plan(width, height, self.options.levels, self.options.iterations)
        return sorted({size, *(level.size for level in levels if level.size > size)})

    def _targets(self, styles: Sequence[Style], sizes: Sequence[int]) -> dict[int, Grams]:
        layers = list(self.options.style_layers)
        targets = self._grams.targets(
            styles, sizes, layers, self._treatment, decoded=self._order.decoded, on_tick=self._on_tick
        )
        self.tally.images += targets.tally.images
        self.tally.hits += targets.tally.hits
        for grams in targets.grams.values():
            self._check_channels(grams)
        return targets.grams

    def _check_channels(self, grams: Grams) -> None:
        for layer, gram in grams.items():
            if len(gram) != self._encoder.channels(layer):
                raise JobFailed(f"a style's Gram matrix of {layer} has {len(gram)} channels, unlike the model's")


def _treatment(color: str, content: Picture) -> Treatment:
    """Return what the option `color` does to the style images' colours."""
    if color == "luminance":
        return Treatment("grey", colour.grey)
    if color == "match":
        mean, covariance = colour.moments(content)
        name = hashlib.sha256(mean.tobytes() + covariance.tobytes()).hexdigest()
        return Treatment(f"match:{name}", lambda picture: colour.match(picture, mean, covariance))
    return Treatment()


def _shown(styles: Sequence[Style]) -> StyleImage[PictureFile]:
    """Return the heaviest image of the heaviest style."""
    style = max((style for style in styles if style.images), key=lambda style: style.weight)
    return heaviest(style.images)
