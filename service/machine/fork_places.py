"""Places that a process and those forked from it have together; those of a killed one are free at once."""

from __future__ import annotations

import hashlib
import threading

from service.machine.fork_locks import ForkLocks

MOST = 2**20  # places of a name
TURN = 2**62  # the lock of who counts and takes, beyond those of all names


class ForkPlaces:
    """Places by name, of processes that are forked after this object is made. Each one that is taken is a lock."""

    def __init__(self) -> None:
        self._locks = ForkLocks()
        self._lock = threading.Lock()
        self._own: dict[str, set[int]] = {}  # the locks of this process

    def take(self, name: str, most: float) -> int:
        """Take a place unless `most` are taken; return how many were."""
        first = _first_of(name)
        with self._lock, self._locks.held(TURN):
            taken = self._taken(name, first)
            if taken < most:
                own = self._own.setdefault(name, set())
                others = (number for number in range(first, first + MOST) if number not in own)
                own.add(next(number for number in others if self._locks.take(number)))
            return taken

    def free(self, name: str) -> None:
        """Give back a place that this process has."""
        with self._lock:
            self._locks.free(self._own[name].pop())
            if not self._own[name]:
                del self._own[name]

    def taken(self, name: str) -> int:
        """Return how many places are taken."""
        with self._lock:
            return self._taken(name, _first_of(name))

    def _taken(self, name: str, first: int) -> int:
        return len(self._own.get(name, ())) + self._locks.taken_by_others(first, first + MOST)


def _first_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:5]) * MOST
