"""Locks among a process and those forked from it. The kernel frees those of a process that ends, however it does."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import time
import weakref

AGAIN_S = 5e-5  # seconds until another try to hold a lock

_fcntl = ctypes.PyDLL(None, use_errno=True).fcntl
"""The system's call. In Python's own other threads may run: who got a lock would wait for them, and hold it."""


class _Lock(ctypes.Structure):
    """C's struct flock."""

    _fields_ = (
        ("type", ctypes.c_short),
        ("whence", ctypes.c_short),
        ("start", ctypes.c_long),
        ("length", ctypes.c_long),
        ("process", ctypes.c_int),
    )


class ForkLocks:
    """Locks with numbers from 0 to 2**63 - 2, of processes that are forked after this object is made.

    They are record locks: a process gets one that it has, so its threads need a lock of their own beside them.
    """

    def __init__(self) -> None:
        self._file = os.memfd_create("locks", os.MFD_CLOEXEC)  # once it is closed, this process's locks are gone
        weakref.finalize(self, os.close, self._file).atexit = False

    def take(self, number: int) -> bool:
        """Take a lock; return False if another process has it."""
        return self.call(fcntl.F_SETLK, ctypes.byref(_lock(fcntl.F_WRLCK, number, 1)))

    def free(self, number: int) -> None:
        """Give a lock back."""
        self.call(fcntl.F_SETLK, ctypes.byref(_lock(fcntl.F_UNLCK, number, 1)))

    def held(self, number: int) -> HeldLock:
        """Return what holds a lock while a `with` block runs, as often as it is used."""
        return HeldLock(self, number)

    def taken_by_others(self, first: int, end: int) -> int:
        """Return how many of the locks from `first` to before `end` other processes have."""
        count, ranges = 0, [(first, end)]
        while ranges:
            first, end = ranges.pop()
            found = _lock(fcntl.F_WRLCK, first, end - first)
            if first < end and self.call(fcntl.F_GETLK, ctypes.byref(found)) and found.type != fcntl.F_UNLCK:
                start, stop = found.start, found.start + found.length  # of adjacent locks that one process has
                count += min(end, stop) - max(first, start)
                ranges += [(first, start), (stop, end)]
        return count

    def call(self, command: int, order: object) -> bool:
        """Carry out an order about locks; return False if another process has one of them."""
        if _fcntl(self._file, command, order) == 0:
            return True
        if (code := ctypes.get_errno()) in (errno.EAGAIN, errno.EACCES):  # another process has it
            return False
        raise OSError(code, os.strerror(code))


class HeldLock:
    """A lock that is held while a `with` block runs, for microseconds at best: others look for it all the time.

    It keeps the kernel's orders, which take longer to make than to carry out.
    """

    def __init__(self, locks: ForkLocks, number: int) -> None:
        self._locks = locks
        self._take = ctypes.byref(_lock(fcntl.F_WRLCK, number, 1))
        self._free = ctypes.byref(_lock(fcntl.F_UNLCK, number, 1))

    def __enter__(self) -> None:
        while not self._locks.call(fcntl.F_SETLK, self._take):
            time.sleep(AGAIN_S)

    def __exit__(self, *args: object) -> None:
        self._locks.call(fcntl.F_SETLK, self._free)


def _lock(kind: int, first: int, length: int) -> _Lock:
    return _Lock(kind, os.SEEK_SET, first, length)
