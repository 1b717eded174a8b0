"""The initial image of a transfer, at each of its levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from service.engine.canvas import to_tensor
from service.engine.pyramid import enlarged
from service.network.levels import Level
from service.options import TransferOptions
from service.pictures import images
from service.pictures.images import Picture


class InitialImages:
    """The initial image at each level, 1 x 3 x H x W, made when it is asked for: large images take much memory.

    Noise is drawn at the coarsest level's size and enlarged for the finer levels.
    """

    def __init__(
        self,
        content: Picture,
        given: Picture | None,
        options: TransferOptions,
        levels: Sequence[Level],
        device: torch.device,
    ) -> None:
        self._picture = _initial_picture(content, given, options, levels[0])
        self._is_noise = options.init == "random"
        self._levels = levels
        self._device = device

    def __getitem__(self, k: int) -> Tensor:
        level = self._levels[k]
        image = to_tensor(images.resize(self._picture, level.width, level.height), self._device)
        return enlarged(self[k - 1], image) if self._is_noise and k else image


def _initial_picture(content: Picture, given: Picture | None, options: TransferOptions, coarsest: Level) -> Picture:
    if options.init == "content":
        return content
    if options.init == "random":
        shape = (coarsest.height, coarsest.width, 3)
        noise = np.random.default_rng(options.seed).integers(0, 256, shape, dtype=np.uint8)
        return np.asarray(noise)
    if given is None:
        raise ValueError(f"init {options.init!r} needs an initial image")
    return images.cover(given, content.shape[1], content.shape[0])
