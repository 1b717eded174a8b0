"""Coarse to fine: the sizes at which a picture is optimised (Gatys et al. 2017, section 6).

At a coarse level the encoder's receptive fields span more of the picture, so that level transfers the style's large
structures; the finer levels add its brush strokes. An iteration costs a quarter of one at the next finer level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COARSEST = (64, 16)  # least pixels on the long and on the short edge of a level
MARGIN = 16  # pixels around a coarse level: the convolutions' zero padding paints a frame, which is cut off again


@dataclass(frozen=True)
class Level:
    """One size of the picture: pixels without the margin, the margin, and the iterations spent there at most."""

    width: int
    height: int
    margin: int
    iterations: int

    @property
    def size(self) -> int:
        """The long edge in pixels."""
        return max(self.width, self.height)

    @property
    def pixels(self) -> int:
        """Pixels that are evaluated, with the margin."""
        return (self.width + 2 * self.margin) * (self.height + 2 * self.margin)

    @property
    def work(self) -> int:
        """The cost of the level: its pixels times its evaluations, of which one comes before the first iteration."""
        return self.pixels * (self.iterations + 1) if self.iterations else 0


def plan(width: int, height: int, levels: int, iterations: int) -> list[Level]:
    """Return the levels of a picture of width x height pixels, coarsest first.

    There are fewer than `levels` where one would be smaller than COARSEST or get no iteration.
    """
    fitting = [k for k in range(levels) if k == 0 or _is_worth_it(width / 2**k, height / 2**k)]
    shares = split(iterations, min(len(fitting), max(1, iterations)))
    sizes = [(max(1, round(width / 2**k)), max(1, round(height / 2**k))) for k in reversed(range(len(shares)))]
    last = len(shares) - 1
    return [Level(*size, 0 if k == last else MARGIN, shares[k]) for k, size in enumerate(sizes)]


def _is_worth_it(width: float, height: float) -> bool:
    return max(width, height) >= COARSEST[0] and min(width, height) >= COARSEST[1]


def split(iterations: int, levels: int) -> list[int]:
    """Share out iterations over the levels, coarsest first, in the proportion of … 5 : 4 : 3 : 2.

    Each level gets at least one if there are as many.
    """
    weights = np.arange(levels + 1, 1, -1)
    ends = (
        np.round(np.cumsum(weights) / weights.sum() * (iterations - levels)) if iterations >= levels else [0] * levels
    )
    spare = np.diff(ends, prepend=0).astype(int)
    return [int(n) + min(1, iterations) for n in spare]
