"""Images between the levels of a pyramid: enlarged, and with a mirrored margin."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def padded(image: Tensor, margin: int) -> Tensor:
    """Return a 1 x C x H x W image mirrored beyond its edges."""
    if not margin:
        return image
    rows, columns = (np.pad(np.arange(side), margin, mode="symmetric") for side in image.shape[2:])
    return image[..., torch.tensor(rows)[:, None], torch.tensor(columns)]


def cropped(image: Tensor, margin: int) -> Tensor:
    """Return a 1 x C x H x W image without its margin."""
    return image[..., margin : image.shape[2] - margin, margin : image.shape[3] - margin]


def refined(image: Tensor, coarse_initial: Tensor, fine_initial: Tensor) -> Tensor:
    """Make the next level's initial image from a level's result, all 1 x 3 x H x W without margins.

    The result is enlarged and gets the detail that the transfer's initial image has at the new size only.
    """
    return (enlarged(image, fine_initial) + fine_initial - enlarged(coarse_initial, fine_initial)).clamp(0, 1)


def enlarged(image: Tensor, like: Tensor) -> Tensor:
    """Return a 1 x 3 x H x W image brought to the size of another."""
    return F.interpolate(image, (like.shape[2], like.shape[3]), mode="bicubic")
