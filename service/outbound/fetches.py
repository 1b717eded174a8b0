"""The fetches of a process: a few at a time, fewer for one tenant; others wait for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from service.outbound.fetch import Fetcher, Room
from service.outbound.turns import TENANT_AT_ONCE, Asker, Turns

WAIT_S = 15.0  # seconds that a fetch waits for its turn; a fetch ends before that


class Fetches:
    """Fetches with a bounded number at a time."""

    def __init__(self, fetcher: Fetcher, wait_s: float = WAIT_S) -> None:
        self._fetcher = fetcher
        self._wait_s = wait_s
        self._turns = Turns()

    def check(self, url: str) -> None:
        """Raise InvalidInput if a URL may not be fetched."""
        self._fetcher.check(url)

    @contextmanager
    def begun(
        self, rooms: Mapping[str, Room], tenant: str, wait_s: float | None = None
    ) -> Iterator[Mapping[str, Future[bytes]]]:
        """Fetch URLs meanwhile, TENANT_AT_ONCE at a time; those that haven't begun at the end never do.

        `rooms` has the room for the bytes of each URL, which several may share. Each waits `wait_s` seconds for its
        turn.

        A future's result raises NotFetched, or TooManyFetches or Unavailable if its turn did not come.
        """
        threads = ThreadPoolExecutor(TENANT_AT_ONCE, thread_name_prefix="fetch")
        asker, seconds = self._turns.asker(tenant), self._wait_s if wait_s is None else wait_s
        try:
            yield {url: threads.submit(self._fetch, url, room, asker, seconds) for url, room in rooms.items()}
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            self._turns.end(asker)

    def _fetch(self, url: str, room: Room, asker: Asker, wait_s: float) -> bytes:
        with self._turns.turn(asker, wait_s):
            return self._fetcher.fetch(url, room)
