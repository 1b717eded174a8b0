"""A lane: some places, and an order. Requests that used the least CPU time come first, then the smallest files."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from service.errors import Unavailable

WAIT_S = 20.0  # the longest wait for a place, in seconds
LOOK_S = 0.25  # seconds between two calls of `tick`

_arrivals = itertools.count()


@dataclass(frozen=True, order=True)
class Rank:
    """A rank among those who wait, lowest first: CPU seconds that the request `spent`, then its file's `pixels`."""

    spent: float = 0.0
    pixels: int = 0
    arrival: int = field(default_factory=lambda: next(_arrivals))


class Lane:
    """A number of places, and how many may wait for one (None: any number)."""

    def __init__(self, places: int, waiting: int | None = None) -> None:
        self._free = places
        self._most = waiting
        self._waiting: list[Rank] = []
        self._changed = threading.Condition()

    @contextmanager
    def place(self, rank: Rank, tick: Callable[[], None]) -> Iterator[None]:
        """Hold a place. `tick` is called while it waits for one; an exception that it raises ends the wait.

        Raises:
            Unavailable: no place became free in WAIT_S, or too many with a lower rank wait.
        """
        self._wait(rank, tick)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _wait(self, rank: Rank, tick: Callable[[], None]) -> None:
        end = time.monotonic() + WAIT_S
        self._enter(rank)
        try:
            while not self._took(rank):
                if time.monotonic() > end:
                    raise _full()
                tick()
        finally:
            with self._changed:
                if rank in self._waiting:
                    self._waiting.remove(rank)

    def _enter(self, rank: Rank) -> None:
        """Join those who wait. If they are too many, the last in the order has to go."""
        with self._changed:
            self._waiting.append(rank)
            if self._most is not None and len(self._waiting) > self._most + self._free:
                self._waiting.remove(max(self._waiting))
                self._changed.notify_all()

    def _took(self, rank: Rank) -> bool:
        """Wait for LOOK_S at most; return whether a place was taken. Raises Unavailable if this one had to go."""
        with self._changed:
            self._changed.wait_for(lambda: rank not in self._waiting or self._is_next(rank), LOOK_S)
            if rank not in self._waiting:
                raise _full()
            if not self._is_next(rank):
                return False
            self._waiting.remove(rank)
            self._free -= 1
            self._changed.notify_all()  # another place may be free as well
            return True

    def _is_next(self, rank: Rank) -> bool:
        return self._free > 0 and min(self._waiting) == rank


def _full() -> Unavailable:
    return Unavailable("too many pictures are being read at the same time", retry_after=WAIT_S / 4)
