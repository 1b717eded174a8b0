"""Iterations, counted and timed as a transfer reports them."""

from __future__ import annotations

import time

from service.telemetry import instruments


class IterationCount:
    """The iterations of one picture. `done` is how many another worker had done before."""

    def __init__(self, done: int) -> None:
        self._done = done
        self._size = 0
        self._at = 0.0

    def report(self, iteration: int, size: int) -> None:
        """So many are done now, the last at a level of `size` pixels on its long edge.

        On CUDA not every one is reported; those between count too, as equally long.
        """
        clock, count = time.monotonic(), iteration - self._done
        if count > 0:
            instruments.iterations.inc(count)
            if size == self._size:  # the first of a level has waited for its Grams
                timed = instruments.iteration_seconds.labels(instruments.size_class(size))
                for _ in range(count):
                    timed.observe((clock - self._at) / count)
        self._done, self._size, self._at = iteration, size, clock
