"""What painters learn from: crops of photographs where there are some, else of pictures drawn by code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from service.painters.drawn import Array, draw
from service.pictures import images
from service.pictures.images import Picture

CROP = 192  # pixels along each side
BATCH = 4  # crops in a step
SHARE = 0.7  # of the crops are of photographs, where there are any


class Crops:
    """An endless source of crops, the same for the same seed.

    Args:
        photographs: H x W x 3 uint8 each.
    """

    def __init__(self, photographs: Sequence[Picture], seed: int) -> None:
        self._photographs = photographs
        self._random = np.random.default_rng(seed)

    def batch(self, size: int) -> Tensor:
        """Return BATCH x 3 x CROP x CROP in [0, 1], of pictures with `size` pixels on the long edge."""
        crops = np.stack([self._crop(size) for _ in range(BATCH)])
        return torch.from_numpy(crops).permute(0, 3, 1, 2)

    def _crop(self, size: int) -> Array:
        if not self._photographs or self._random.random() >= SHARE:
            return draw(self._random, CROP)
        photograph = self._photographs[int(self._random.integers(len(self._photographs)))]
        short, long = sorted(photograph.shape[:2])
        whole = images.resize_long_edge(photograph, max(size, -(-CROP * long // short)))
        top, left = (self._random.integers(side - CROP + 1) for side in whole.shape[:2])
        crop = whole[top : top + CROP, left : left + CROP]
        if self._random.random() < 0.5:  # noqa: PLR2004 - a mirrored photograph is as good
            crop = crop[:, ::-1]
        return (crop / np.float32(255)).astype(np.float32)
