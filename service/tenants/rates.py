"""Rates of requests: how many of each tenant this process takes, a second and at once, by token buckets.

Each web process has its own. A client that keeps its connection stays with one of them, so each gives out the whole
rate; all N web processes together take at most N times as many.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from service.errors import LimitExceeded


@dataclass(frozen=True)
class Left:
    """What is left of a bucket: requests that may come at once, and seconds until it is one more."""

    requests: int
    more_in_s: float


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Rates:
    """The rates of requests in one process, by tenant. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def take(self, tenant: str, rate: float, most: int) -> Left:
        """Take a token for a request; `rate` come each second, and a full bucket has `most`.

        Raises:
            LimitExceeded: there is none.
        """
        return self._take(1, tenant, rate, most)

    def check(self, tenant: str, rate: float, most: int) -> None:
        """Raise LimitExceeded where `take` would, and take nothing."""
        self._take(0, tenant, rate, most)

    def _take(self, tokens_taken: int, tenant: str, rate: float, most: int) -> Left:
        clock = self._clock()
        with self._lock:
            bucket = self._buckets.setdefault(tenant, _Bucket(most, clock))
            bucket.tokens = min(most, bucket.tokens + rate * (clock - bucket.filled_at))
            bucket.filled_at = clock
            is_there = bucket.tokens >= 1
            bucket.tokens -= tokens_taken * is_there
            tokens = bucket.tokens
        left = Left(math.floor(tokens), (math.floor(tokens) + 1 - tokens) / rate)
        if not is_there:
            detail = f"you may send {rate:g} requests a second, and {most} at once"
            raise LimitExceeded("requests", rate, rate, detail, retry_after=left.more_in_s)
        return left
