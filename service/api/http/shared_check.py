"""A check whose outcome counts for a moment, so that many who ask for it cost one."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from service.errors import ServiceError

SHARED_S = 1.0  # seconds for which an outcome counts


class SharedCheck:
    """A check that runs once in SHARED_S at most, in one thread; the others wait for its outcome.

    `check` raises a ServiceError if it fails, and `clock` counts seconds.
    """

    def __init__(self, check: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._check = check
        self._clock = clock
        self._lock = threading.Lock()
        self._failure: ServiceError | None = None
        self._ended = -math.inf

    def check(self) -> None:
        """Raise what the check last raised, or run it again if that is too long ago."""
        with self._lock:
            if self._clock() >= self._ended + SHARED_S:
                self._run()
            failure = self._failure
        if failure is not None:
            raise failure.with_traceback(None)

    def _run(self) -> None:
        try:
            self._check()
            self._failure = None
        except ServiceError as error:
            self._failure = error
        self._ended = self._clock()
