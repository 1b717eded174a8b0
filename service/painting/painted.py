"""A content image as painters paint it: mixed, masked, stronger or weaker, in the colours that are wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from service.engine.guidance import Guidance
from service.options import PAINTED_ONCE
from service.painters.sessions import Painters
from service.pictures import colour, images
from service.pictures.images import Mask, Picture
from service.styles.style import Style

Pixels = npt.NDArray[np.float32]
"""H x W x 3, RGB in [0, 1]."""


def paint(
    content: Picture,
    regions: Sequence[Sequence[Style]],
    guidance: Guidance,
    painters: Painters,
    *,
    strength: float,
    color: str,
    on_pass: Callable[[], None],
) -> Picture:
    """Paint a content image, H x W x 3 uint8; the result has the same shape.

    Paintings in the styles of one region are averaged by the styles' weights. Up to a strength of 0.5, the painting
    fades in over the content. Above 0.5, a painting of that painting fades in over it.

    Args:
        regions: the styles of each of the guidance's regions; each style has a painter.
        color: the option of that name.
        on_pass: called before each pass of a painter.

    Raises:
        UnusablePainter, StorageError: a painter's file can't be used.
    """
    height, width = content.shape[:2]
    plain = _as_pixels(content)
    painted = np.zeros_like(plain)
    covered = np.zeros((height, width, 1), np.float32)
    strengths = _strength(guidance, strength, width, height)
    for styles, weight in zip(regions, _weights(guidance, width, height), strict=True):
        painted += weight * _strongly(plain, styles, painters, strengths, on_pass)
        covered += weight
    mixed = painted / np.maximum(covered, 1) + plain * (1 - np.minimum(covered, 1))
    picture = _coloured(content, mixed, color)
    kept = _brought(guidance.protect, width, height)
    return picture if kept is None else _as_picture(plain * kept + _as_pixels(picture) * (1 - kept))


def _strongly(
    plain: Pixels, styles: Sequence[Style], painters: Painters, strength: Pixels, on_pass: Callable[[], None]
) -> Pixels:
    """Return a region's painting: the content at strength 0, painted once at 0.5, and painted twice at 1."""
    once = _averaged(plain, styles, painters, on_pass)
    first = np.minimum(2 * strength, 1)
    result = plain + first * (once - plain)
    if strength.max() > PAINTED_ONCE:
        twice = _averaged(once, styles, painters, on_pass)
        result += np.maximum(2 * strength - 1, 0) * (twice - once)
    return np.asarray(result)


def _averaged(picture: Pixels, styles: Sequence[Style], painters: Painters, on_pass: Callable[[], None]) -> Pixels:
    total = sum(style.weight for style in styles)
    average = np.zeros_like(picture)
    for style in styles:
        on_pass()
        average += np.float32(style.weight / total) * painters.paint(style.painter_file(), picture)
    return average


def _weights(guidance: Guidance, width: int, height: int) -> list[Pixels]:
    """Return how much each place counts for each region, H x W x 1."""
    masks = [_brought(region, width, height) for region in guidance.regions]
    return [np.ones((height, width, 1), np.float32) if mask is None else mask for mask in masks]


def _strength(guidance: Guidance, strength: float, width: int, height: int) -> Pixels:
    """Return the strength at each place, H x W x 1."""
    factor = _brought(guidance.strength_map, width, height)
    everywhere = np.full((height, width, 1), strength, np.float32)
    return everywhere if factor is None else everywhere * factor


def _brought(mask: Mask | None, width: int, height: int) -> Pixels | None:
    return None if mask is None else images.resize_mask(mask, width, height)[..., None].astype(np.float32)


def _coloured(content: Picture, painting: Pixels, color: str) -> Picture:
    """Return a painting in the colours that the option `color` asks for."""
    picture = _as_picture(painting)
    if color == "match":
        return colour.match(picture, *colour.moments(content))
    return colour.with_luminance(content, picture) if color == "luminance" else picture


def _as_pixels(picture: Picture) -> Pixels:
    pixels: Pixels = picture.astype(np.float32) / np.float32(255)
    return pixels


def _as_picture(pixels: Pixels) -> Picture:
    return np.asarray(np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8))
