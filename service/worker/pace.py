"""The pace of a job, and the time that it still takes."""

from __future__ import annotations

import time


class Pace:
    """The speed of a job since its first progress."""

    def __init__(self) -> None:
        self._begun: tuple[float, float] | None = None  # share of the work that was done, time

    def seconds_left(self, fraction: float, skipped: float) -> float | None:
        """Estimate the seconds that the work still takes; None until the speed is known.

        `fraction` is how far the job is. `skipped` is the share of it that was left out, which says nothing of the
        speed.
        """
        clock, done = time.monotonic(), fraction - skipped
        self._begun = self._begun or (done, clock)
        begun_with, begun_at = self._begun
        left, since = 1 - fraction, done - begun_with
        return round((clock - begun_at) / since * left, 1) if since > 0 else None
