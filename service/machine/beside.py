"""CPU time of threads that work for others than the job of their process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Beside:
    """The CPU seconds that threads have spent in `counted`, also those that are still in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = 0.0
        self._begun: dict[int, float] = {}  # by the clock of each thread

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what the calling thread does meanwhile."""
        clock = time.pthread_getcpuclockid(threading.get_ident())
        with self._lock:
            self._begun[clock] = time.clock_gettime(clock)
        try:
            yield
        finally:
            with self._lock:
                self._ended += time.clock_gettime(clock) - self._begun.pop(clock)

    def seconds(self) -> float:
        """Return the sum."""
        with self._lock:
            return self._ended + sum(time.clock_gettime(clock) - begun for clock, begun in self._begun.items())


BESIDE = Beside()
"""The count of this process."""
