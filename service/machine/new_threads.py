"""New threads: where the system has no room for one, that is an error which passes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Thread

from service.errors import Unavailable

RETRY_S = 5.0  # seconds after which a caller may try again


def start(thread: Thread) -> None:
    """Start a thread. Raises Unavailable where the system has no room for another one."""
    try:
        thread.start()
    except RuntimeError as error:
        raise _no_room() from error


class Threads(ThreadPoolExecutor):
    """A pool that goes on with the threads that it has where the system has no room for another one.

    `submit` raises Unavailable where it has none yet.
    """

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError as error:  # the work is queued: a thread that has finished its own takes it
            if not self._threads:
                raise _no_room() from error


def _no_room() -> Unavailable:
    return Unavailable("the system has no room for another thread", retry_after=RETRY_S)
