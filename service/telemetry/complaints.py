"""Trouble that lasts, said now and then: a log on the disk that is full must not grow with every try."""

from __future__ import annotations

import logging
import time

AGAIN_S = 60.0  # seconds until the same is said again


class Complaint:
    """Says a trouble as an error when it is new, and once a minute while it lasts."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._said: dict[str, float] = {}

    def say(self, words: str, *values: object) -> None:
        """Logs what logging's `error` would, unless the same words were said a short while ago."""
        clock = time.monotonic()
        if clock < self._said.get(words, -AGAIN_S) + AGAIN_S:
            return
        self._said[words] = clock
        self._logger.error(words, *values)
