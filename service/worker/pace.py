"""The pace of a job: the time that it still takes, and how often its files are stored."""

from __future__ import annotations

import time

SHARE = 0.05  # share of the time that files of one kind, previews or checkpoints, may take at most


def next_time(begun: float, pause_s: float) -> float:
    """Return when (monotonic) the next file of a kind may be stored, after one whose storing began at `begun`.

    `pause_s` are the least seconds in between.
    """
    ended = time.monotonic()
    return ended + max(pause_s, (ended - begun) / SHARE)


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
