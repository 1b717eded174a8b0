"""The steps of a painter's learning: at the wanted size, and an octave below and above it."""

from __future__ import annotations

import random
from collections.abc import Mapping

from service.engine.losses import Losses
from service.options import OPTIONS
from service.painters.learning import Learner, Targets
from service.painters.photographs import Crops

SIZES = {0: 0.5, -1: 0.25, 1: 0.25}
"""Octaves from the wanted size -> share of the steps."""


def learned_sizes(size: int) -> dict[int, int]:
    """Return octaves -> the size in pixels whose Grams are the targets; only sizes that an output can have."""
    low, high = (OPTIONS["size"].metadata[bound] for bound in ("low", "high"))
    sizes = {octaves: round(size * 2.0**octaves) for octaves in SIZES}
    return {octaves: size for octaves, size in sizes.items() if low <= size <= high}


class Lessons:
    """A source of steps for one of a learner's painters.

    Args:
        targets: octaves from the wanted size -> its Gram targets.
        size: the wanted size, pixels on the long edge.
        crops: where the photographs come from.
        seed: of the choice of sizes; with the same seed and crops the steps are the same.
    """

    def __init__(self, learner: Learner, targets: Mapping[int, Targets], size: int, crops: Crops, seed: int) -> None:
        self._learner = learner
        self._targets = {
            octaves: {layer: gram.to(learner.device) for layer, gram in grams.items()}
            for octaves, grams in targets.items()
        }
        self._sizes = learned_sizes(size)
        self._crops = crops
        self._random = random.Random(seed)  # noqa: S311 - no secret depends on it

    def step(self, fraction: float, which: int = 0) -> Losses:
        """Take a step of the painter `which`; return its losses. Raises what Learner.step raises."""
        octaves = self._random.choices(list(self._targets), [SIZES[octaves] for octaves in self._targets])[0]
        crops = self._crops.batch(self._sizes[octaves])
        return self._learner.step(crops, self._targets[octaves], octaves, fraction, which)
