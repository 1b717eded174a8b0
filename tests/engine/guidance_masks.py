"""Masks that several tests of guidance need."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from service.network.layers import CONVOLUTIONS_PER_BLOCK
from service.pictures.images import Mask


def noise(height: int, width: int, seed: int = 0) -> Mask:
    return np.random.default_rng(seed).random((height, width), dtype=np.float32)


def left(height: int, width: int, columns: int) -> Mask:
    """1 in the first columns, 0 elsewhere."""
    return np.repeat((np.arange(width) < columns)[None].astype(np.float32), height, axis=0)


def reference_masks(mask: np.ndarray) -> dict[str, np.ndarray]:
    """Each convolution averages 3 x 3, each pooling 2 x 2; float64."""
    mask, found = mask.astype(np.float64), {}
    for block, count in enumerate(CONVOLUTIONS_PER_BLOCK, start=1):
        if block > 1:
            height, width = mask.shape[0] // 2, mask.shape[1] // 2
            mask = mask[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))
        for i in range(1, count + 1):
            mask = uniform_filter(mask, 3, mode="nearest")
            found[f"relu{block}_{i}"] = mask
    return found
