"""How much each place of a mask counts: by its luminance, or by its alpha if it is drawn in that."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from service.pictures.images import Cutout, Levels, UnreadableImage

SEEN = 32  # of 255: from this alpha on, a pixel's colour is looked at; below, it is mostly rounding
EDGE = 4  # pixels at the edges of what is visible whose colour isn't looked at in doubt
FLAT = 24  # of 255: levels by which the colours of one brush may differ in each channel, after lossy compression


def mask_levels(mask: Cutout) -> Levels:
    """Return how much each place counts, H x W uint8: the luminance of an opaque mask, else the alpha.

    Most editors draw masks in the alpha channel, in white, in black or in any other one colour: what is opaque there
    counts, what is transparent doesn't.

    Raises:
        UnreadableImage: it has transparency, and what is visible has several colours, so that it could mean either.
    """
    if mask.alpha is None:
        return np.asarray(Image.fromarray(mask.colours).convert("L"))
    visible = mask.alpha >= SEEN
    if not _is_flat(mask.colours[visible]) and not _is_flat(mask.colours[_inside(visible)]):
        raise UnreadableImage(
            "has transparency and several colours, so it isn't clear what counts: make it either grey and opaque, or "
            "of one colour, more or less transparent"
        )
    return mask.alpha


def _inside(visible: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return what is visible without its edges, where lossy compression mixes its colours with hidden ones.

    If there are only edges, it is all that is visible.
    """
    inside = np.asarray(Image.fromarray(visible).convert("L").filter(ImageFilter.BoxBlur(EDGE))) == 255  # noqa: PLR2004
    return inside if inside.any() else visible


def _is_flat(colours: Levels) -> bool:
    """Return whether colours, N x 3, are nearly the same."""
    return len(colours) == 0 or int((colours.max(axis=0).astype(int) - colours.min(axis=0)).max()) <= FLAT
