"""The CPU seconds that pictures of callers have taken lately: who has taken the least is read first."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

HALF_S = 30.0  # seconds after which half of them is forgotten
REMEMBERED = 1024  # callers


class RecentReads:
    """What callers' pictures have taken in this process. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller -> CPU seconds, and when

    def of(self, caller: str) -> float:
        """Return the CPU seconds of a caller that still count."""
        with self._lock:
            return self._left(caller)

    def add(self, caller: str, seconds: float) -> None:
        """Count the CPU seconds of a picture."""
        with self._lock:
            self._taken[caller] = self._left(caller) + seconds, self._clock()
            self._taken.move_to_end(caller)
            while len(self._taken) > REMEMBERED:
                self._taken.popitem(last=False)

    def _left(self, caller: str) -> float:
        seconds, when = self._taken.get(caller, (0.0, 0.0))
        return seconds * math.exp2((when - self._clock()) / HALF_S)
