"""An order's content, regions and guidance, which painters and the engine need alike. It needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from service.decoding.decoded import DecodedFiles
from service.engine.guidance import Guidance
from service.errors import JobFailed
from service.painters.sessions import Painters
from service.painters.weights import UnusablePainter
from service.painting.order import Order
from service.painting.painted import paint
from service.pictures import images
from service.pictures.cutout import visible_strength
from service.pictures.images import Mask, Picture
from service.styles.style import Style

DEFAULT_STRENGTH = 0.5  # of a painter: its picture as it learned to paint it


class GuidedOrder:
    """The content in the output's size, the styles by region, and the guidance."""

    def __init__(self, order: Order, on_tick: Callable[[], None]) -> None:
        self._options = order.options
        self._on_tick = on_tick
        self.regions = _regions(order.styles)
        self.content = images.resize_long_edge(order.content, order.options.size)
        strength = visible_strength(order.strength_map, order.alpha)
        masks = _region_masks(self.regions, self.content, order.decoded, on_tick)
        self.guidance = Guidance(masks, order.protect, strength)

    def painted(self, painters: Painters, on_evaluated: Callable[[int], None]) -> Picture:
        """Return the painters' picture. `on_evaluated` is called when a pass of a painter begins, with its pixels.

        Raises:
            JobFailed: a style has no painter that can be used.
            StorageError: a painter's file can't be read.
        """
        options, (height, width) = self._options, self.content.shape[:2]

        def begin_pass() -> None:
            self._on_tick()
            on_evaluated(height * width)

        try:
            return paint(
                self.content,
                list(self.regions.values()),
                self.guidance,
                painters,
                strength=DEFAULT_STRENGTH if options.strength is None else options.strength,
                color=options.color,
                on_pass=begin_pass,
            )
        except UnusablePainter as error:
            said = "a preset's painter can't be used"
            raise JobFailed(f"{said}: {error}", said=said) from error


def _regions(styles: Sequence[Style]) -> dict[str, list[Style]]:
    """Group the styles by their mask's digest, which is empty for those without."""
    regions: dict[str, list[Style]] = {}
    for style in styles:
        regions.setdefault(style.mask.sha256 if style.mask else "", []).append(style)
    return regions


def _region_masks(
    regions: Mapping[str, Sequence[Style]], content: Picture, decoded: DecodedFiles, on_tick: Callable[[], None]
) -> tuple[Mask | None, ...]:
    """Return each region's mask; styles without one get what the masks of the others leave free, if there are any."""
    height, width = content.shape[:2]
    masks: dict[str, Mask | None] = {}
    for name, (style, *_) in regions.items():
        if style.mask is not None:
            (masks[name],) = decoded.masks(style.mask, [(width, height)], on_tick)
            on_tick()
    given = [mask for mask in masks.values() if mask is not None]
    masks[""] = np.clip(1 - np.sum(given, axis=0), 0, 1).astype(np.float32) if given else None
    return tuple(masks[name] for name in regions)
