"""How long what failed in passing is tried again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeAlias

import httpx

from nst_client.errors import Problem, Unreachable

logger = logging.getLogger(__name__)

OnWait: TypeAlias = Callable[[Problem | Unreachable], object]

PATIENCE_S = 120.0
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0
PASSING = (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT, HTTPStatus.SERVICE_UNAVAILABLE)
WITH_TIME = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INSUFFICIENT_STORAGE)  # where the answer has a Retry-After
BROKEN = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)


class Patience:
    """The time for the repeats of one request: `seconds` from its first failure on.

    `on_wait` is called with the first failure, if a repeat follows.
    """

    def __init__(self, seconds: float, on_wait: OnWait | None = None) -> None:
        self._seconds = seconds
        self._on_wait = on_wait
        self._end: float | None = None

    def wait(self, error: Problem | Unreachable, pause: float) -> None:
        """Wait `pause` seconds, or for longer if the service says so.

        Raises the error if it would be met again, or if the time doesn't suffice.
        """
        if not _passes(error):
            raise error
        if isinstance(error, Problem):
            pause = max(pause, error.retry_after or 0.0)
        now = time.monotonic()
        end = now + self._seconds if self._end is None else self._end
        if now + pause > end:
            raise error
        if self._end is None and self._on_wait:
            self._on_wait(error)
        self._end = end
        logger.info("%s; again in %.1f s", error, pause)
        time.sleep(pause)


def _passes(error: Problem | Unreachable) -> bool:
    """Return whether time may help. Unreachable has no cause where a stream only ended."""
    if isinstance(error, Unreachable):
        return error.__cause__ is None or isinstance(error.__cause__, BROKEN)
    return error.status in PASSING or (error.status in WITH_TIME and error.retry_after is not None)
