"""The steps of a painter's learning: at the size that is wanted, and an octave below and above it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from service.engine.losses import Losses
from service.painters.learning import Learner, Targets
from service.painters.photographs import Crops

SIZES = {0: 0.5, -1: 0.25, 1: 0.25}
"""Octaves from the wanted size -> share of the steps."""


def learned_sizes(size: int) -> dict[int, int]:
    """Return the octaves, each with the size in pixels whose Grams are its targets."""
    return {octaves: round(size * 2.0**octaves) for octaves in SIZES}


class Lessons:
    """A source of steps for one of a learner's painters.

    Args:
        targets: octaves from the wanted size -> its Gram targets.
        size: the wanted size, pixels on the long edge.
        seed: of the sizes and the crops; the same number always gives the same steps.
    """

    def __init__(self, learner: Learner, targets: Mapping[int, Targets], size: int, crops: Crops, seed: int) -> None:
        self._learner = learner
        self._targets = {
            octaves: {layer: gram.to(learner.device) for layer, gram in grams.items()}
            for octaves, grams in targets.items()
        }
        self._sizes = learned_sizes(size)
        self._crops = crops
        self._random = np.random.default_rng(seed)

    def step(self, fraction: float, which: int = 0) -> Losses:
        """Take a step of the painter `which`; return its losses. Raises as Learner.step."""
        octaves = int(self._random.choice(list(SIZES), p=list(SIZES.values())))
        crops = self._crops.batch(self._sizes[octaves])
        return self._learner.step(crops, self._targets[octaves], octaves, fraction, which)
