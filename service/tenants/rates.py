"""Rates of requests: how many of each tenant are taken, a second and at once, by token buckets.

The buckets lie in memory that a process shares with those forked from it: all web processes of a server take from
the same ones. Each server has buckets of its own, so n servers take n times as many requests.
"""

from __future__ import annotations

import math
import mmap
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from service.errors import LimitExceeded
from service.machine.fork_locks import ForkLocks, HeldLock

SETS, WAYS = 4096, 8  # buckets lie in sets, so that one is found, and replaced, among few
_KEYS = struct.Struct(f"={WAYS}Q")  # of a set's buckets, which follow them
_BUCKET = struct.Struct("=dd")  # tokens, and the clock when they were counted
_SET = _KEYS.size + WAYS * _BUCKET.size  # bytes


@dataclass(frozen=True)
class Left:
    """What is left of a bucket: requests that may come at once, and seconds until it is one more."""

    requests: int
    more_in_s: float


class Rates:
    """The rates of requests by tenant, in this process and those that are forked from it later.

    A new bucket is full. Where all of its set are in use it replaces the one that was used least lately.
    `clock` counts seconds, the same ones in all processes.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sets = mmap.mmap(-1, SETS * _SET)
        self._locks = ForkLocks()
        self._of_sets: dict[int, tuple[threading.Lock, HeldLock]] = {}  # its threads' and all processes', of each set

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
        key = hash(tenant) % 2**64  # the same in forked processes
        of_threads, of_processes = self._locks_of(key % SETS)
        with of_threads, of_processes:
            clock = self._clock()
            at = self._found(key, most, clock)
            tokens, filled_at = _BUCKET.unpack_from(self._sets, at)
            tokens = min(most, tokens + rate * (clock - filled_at))
            is_there = tokens >= 1
            if is_there:
                tokens -= tokens_taken
            _BUCKET.pack_into(self._sets, at, tokens, clock)
        left = Left(math.floor(tokens), (math.floor(tokens) + 1 - tokens) / rate)
        if not is_there:
            detail = f"you may send {rate:g} requests a second, and {most} at once"
            raise LimitExceeded("requests", rate, rate, detail, retry_after=left.more_in_s)
        return left

    def _locks_of(self, number: int) -> tuple[threading.Lock, HeldLock]:
        """Return the locks of a set: a tenant that sends very much delays no other set."""
        found = self._of_sets.get(number)
        return found or self._of_sets.setdefault(number, (threading.Lock(), self._locks.held(number)))

    def _found(self, key: int, most: int, clock: float) -> int:
        """Return where the bucket of a tenant lies."""
        start = key % SETS * _SET
        keys = list(_KEYS.unpack_from(self._sets, start))
        places = range(start + _KEYS.size, start + _SET, _BUCKET.size)
        if key in keys:
            return places[keys.index(key)]
        way = min(range(WAYS), key=lambda way: _BUCKET.unpack_from(self._sets, places[way])[1])
        keys[way] = key
        _BUCKET.pack_into(self._sets, places[way], most, clock)
        _KEYS.pack_into(self._sets, start, *keys)
        return places[way]
