"""A check whose outcome counts for a moment, so that many who ask for it cost one."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from service.errors import ServiceError, Unavailable

NOT_YET = "the files are being checked for the first time"
SHARED_S = 1.0  # seconds for which an outcome counts
WAIT_S = 0.5  # seconds for which others wait for it, each in a thread
SLOW_S = 5.0  # seconds of a check, after which the outcome before it counts no more


class SharedCheck:
    """A check of files that runs once in SHARED_S at most, in one thread; others wait `wait_s` for its outcome.

    If it isn't there by then, the outcome before it counts; and if the check takes longer than SLOW_S, it counts as
    failed. `check` raises a ServiceError if it fails, and `clock` counts seconds.
    """

    def __init__(
        self, check: Callable[[], None], clock: Callable[[], float] = time.monotonic, wait_s: float = WAIT_S
    ) -> None:
        self._check = check
        self._clock = clock
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._failure: ServiceError | None = Unavailable(NOT_YET)
        self._begun = math.inf
        self._ended = -math.inf

    def check(self) -> None:
        """Raise what the check last raised, or run it again if that is too long ago."""
        if self._lock.acquire(timeout=self._wait_s):
            try:
                if self._clock() >= self._ended + SHARED_S:
                    self._run()
                failure = self._failure
            finally:
                self._lock.release()
        elif self._clock() >= self._begun + SLOW_S:
            failure = Unavailable(f"a check of the files takes longer than {SLOW_S:g} s")
        else:
            failure = self._failure
        if failure is not None:
            raise failure.with_traceback(None)

    def _run(self) -> None:
        self._begun = self._clock()
        try:
            self._check()
            self._failure = None
        except ServiceError as error:
            self._failure = error
        self._ended = self._clock()
