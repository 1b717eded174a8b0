"""Rate limit for repeated log lines: a log on a full disk must not grow with every retry."""

from __future__ import annotations

import logging
import time

AGAIN_S = 60.0  # seconds until the same message is logged again


class Complaint:
    """A log of errors that may repeat: one line when an error is new, then one a minute while it lasts."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._said: dict[str, float] = {}

    def say(self, words: str, *values: object) -> None:
        """Log an error, unless the same message was logged within the last minute."""
        clock = time.monotonic()
        if clock < self._said.get(words, -AGAIN_S) + AGAIN_S:
            return
        self._said[words] = clock
        self._logger.error(words, *values)
