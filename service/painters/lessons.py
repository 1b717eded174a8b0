"""The steps of a painter's learning: at the wanted size, and an octave below and above it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from torch import Tensor

from service.engine.losses import Losses
from service.painters.learning import Learner, Targets
from service.painters.photographs import Crops

SIZES = {0: 0.5, -1: 0.25, 1: 0.25}
"""Octaves from the wanted size -> share of the steps."""

Lesson = tuple[int, Tensor]
"""Octaves from the wanted size, and photographs of that size, B x 3 x H x W in [0, 1]."""


def lessons(crops: Crops, sizes: Mapping[int, int], seed: int) -> Iterator[Lesson]:
    """Yield lessons without end; with the same seed and crops always the same ones.

    Args:
        sizes: octaves from the wanted size -> pixels on the long edge.
    """
    chosen = random.Random(seed)  # noqa: S311 - no secret depends on it
    while True:
        octaves = chosen.choices(list(sizes), [SIZES[octaves] for octaves in sizes])[0]
        yield octaves, crops.batch(sizes[octaves])


class Training:
    """One of a learner's painters, with its Gram targets and its lessons.

    Args:
        targets: octaves from the wanted size -> its Gram targets.
    """

    def __init__(
        self, learner: Learner, targets: Mapping[int, Targets], source: Iterator[Lesson], which: int = 0
    ) -> None:
        self._learner = learner
        self._targets = {
            octaves: {layer: gram.to(learner.device) for layer, gram in grams.items()}
            for octaves, grams in targets.items()
        }
        self._source = source
        self._which = which

    def step(self, fraction: float) -> Losses:
        """Take a step with the next lesson; return its losses. Raises what Learner.step raises."""
        octaves, photographs = next(self._source)
        return self._learner.step(photographs, self._targets[octaves], octaves, fraction, self._which)
