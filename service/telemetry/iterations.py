"""Counting and timing of iterations, as a transfer reports them."""

from __future__ import annotations

import time

from service.telemetry import instruments


class IterationCount:
    """The iterations of one picture. `done` is the number that an earlier worker has done."""

    def __init__(self, done: int) -> None:
        self._done = done
        self._size = 0
        self._at = 0.0

    def report(self, iteration: int, size: int) -> None:
        """Record the iterations done so far, the last at a level of `size` pixels on its long edge.

        On CUDA only some iterations are reported. Those between them are counted too, each as equally long.
        """
        clock, count = time.monotonic(), iteration - self._done
        if count > 0:
            instruments.iterations.inc(count)
            if size == self._size:  # the time of a level's first iteration includes the wait for its Grams
                timed = instruments.iteration_seconds.labels(instruments.size_class(size))
                for _ in range(count):
                    timed.observe((clock - self._at) / count)
        self._done, self._size, self._at = iteration, size, clock
