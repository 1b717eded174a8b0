"""Pictures with transparency as the engine sees them: only colours, with the transparent places filled.

If such a picture were painted over white and cut out again, its soft edges would have white in them, which shows over
anything dark.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from service.pictures import images
from service.pictures.images import Alpha, Cutout, Mask, Picture

SOLID = 32  # of 255: from this alpha on, a pixel's own colour is used; below, it is mostly rounding
AROUND = 1 / 24  # radius of the blur around visible places, as a share of the long edge

Array = npt.NDArray[np.float32]


def fitted(cutout: Cutout, size: int) -> Cutout:
    """Bring the long edge to `size` pixels, aspect kept, and fill the transparent places."""
    if cutout.alpha is None:
        return Cutout(images.resize_long_edge(cutout.colours, size), None)
    height, width = cutout.alpha.shape
    rgba = Image.fromarray(np.dstack([cutout.colours, cutout.alpha]))
    if max(width, height) != size:  # Pillow weights the colours by their alpha here
        rgba = rgba.resize(images.fitted_size(width, height, size), Image.Resampling.LANCZOS)
    alpha = np.asarray(rgba.getchannel("A"))
    return Cutout(filled(np.asarray(rgba.convert("RGB")), alpha), alpha)


def filled(colours: Picture, alpha: Alpha) -> Picture:
    """Fill transparent places with the colours around them, more blurred the further away these are.

    The picture is halved again and again, weighted by what is visible; then each smaller copy fills the gaps of the
    next larger one. A picture without anything visible becomes white.
    """
    if not alpha.any():
        return np.full_like(colours, 255)
    found = _push_pull(colours.astype(np.float32), _solid(alpha)[..., None])
    return np.asarray(np.where(alpha[..., None] >= SOLID, colours, np.rint(found)), np.uint8)


def visibility(alpha: Alpha) -> Mask:
    """Return how much each place counts for the styles, H x W in [0, 1].

    Visible places count fully, and places near them in part, because features look beyond an edge. With weights that
    only follow the alpha, a soft edge kept the content's look.
    """
    solid = Image.fromarray(np.asarray(_solid(alpha) * 255, np.uint8))
    around = solid.filter(ImageFilter.GaussianBlur(max(alpha.shape) * AROUND))
    return np.asarray(np.maximum(_solid(alpha), np.asarray(around, np.float32) * (4 / 255)).clip(0, 1), np.float32)


def visible_strength(strength: Mask | None, alpha: Alpha | None) -> Mask | None:
    """Return the factor of the style's weight at each place, 0 where nothing is visible; None for 1 everywhere."""
    if alpha is None:
        return strength
    seen = visibility(alpha)
    return seen if strength is None else seen * images.resize_mask(strength, seen.shape[1], seen.shape[0])


def shown(picture: Picture, alpha: Alpha) -> Picture:
    """Return a picture of any size over white, under an alpha of the same aspect."""
    height, width = picture.shape[:2]
    if alpha.shape != (height, width):
        alpha = np.asarray(Image.fromarray(alpha).resize((width, height), Image.Resampling.BILINEAR))
    return Cutout(picture, alpha).over_white()


def _solid(alpha: Alpha) -> Array:
    return np.asarray(np.minimum(alpha / SOLID, 1), np.float32)


def _push_pull(colours: Array, weight: Array) -> Array:
    if weight.min() == 1 or max(weight.shape) == 1:
        return colours
    mixed, share = _halved(colours * weight), _halved(weight)
    known = np.asarray(mixed / np.maximum(share, 1e-6), np.float32)
    coarse = _push_pull(known, np.asarray(np.minimum(share * 4, 1), np.float32))
    wide = _doubled(coarse, weight.shape[0], weight.shape[1])
    return weight * colours + (1 - weight) * wide


def _halved(values: Array) -> Array:
    """Return the means of 2 x 2 places; an odd last row or column counts twice."""
    even = np.pad(values, ((0, values.shape[0] % 2), (0, values.shape[1] % 2), (0, 0)), mode="edge")
    rows = even[0::2] + even[1::2]
    return np.asarray((rows[:, 0::2] + rows[:, 1::2]) / 4, np.float32)


def _doubled(values: Array, height: int, width: int) -> Array:
    """Enlarge smoothly to about twice the size."""
    channels = [
        np.asarray(Image.fromarray(channel).resize((width, height), Image.Resampling.BILINEAR))
        for channel in np.moveaxis(values, 2, 0)
    ]
    return np.stack(channels, axis=2)
