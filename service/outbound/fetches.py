"""The fetches of a process: a few at a time, fewer for one tenant; others wait for a while."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from service.errors import TooManyFetches, Unavailable
from service.outbound.fetch import Fetcher, Room

AT_ONCE = 4  # fetches of a process at a time
TENANT_AT_ONCE = 2  # of these, fetches of one tenant
WAIT_S = 15.0  # seconds that a fetch waits for its turn; a fetch ends before that
RETRY_S = 5.0


class Fetches:
    """Fetches with a bounded number at a time."""

    def __init__(self, fetcher: Fetcher, wait_s: float = WAIT_S) -> None:
        self._fetcher = fetcher
        self._wait_s = wait_s
        self._under_way: Counter[str] = Counter()  # by tenant
        self._changed = threading.Condition()

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
        wanted = threading.Event()
        wanted.set()
        turn = partial(self._turn, tenant, wanted, self._wait_s if wait_s is None else wait_s)
        try:
            yield {url: threads.submit(self._fetch, url, turn, room) for url, room in rooms.items()}
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            with self._changed:
                wanted.clear()
                self._changed.notify_all()

    def _fetch(self, url: str, turn: Callable[[], AbstractContextManager[None]], room: Room) -> bytes:
        with turn():
            return self._fetcher.fetch(url, room)

    @contextmanager
    def _turn(self, tenant: str, wanted: threading.Event, wait_s: float) -> Iterator[None]:
        """Hold a place among the fetches while the block runs. Raises TooManyFetches or Unavailable."""
        with self._changed:
            came = self._changed.wait_for(lambda: not wanted.is_set() or self._has_place(tenant), wait_s)
            if not wanted.is_set():
                raise CancelledError
            if not came:
                if self._under_way[tenant] >= TENANT_AT_ONCE:
                    detail = f"{TENANT_AT_ONCE} pictures of yours are being fetched, and no more may be at a time"
                    raise TooManyFetches(detail, retry_after=RETRY_S)
                raise Unavailable("too many pictures are being fetched", retry_after=RETRY_S)
            self._under_way[tenant] += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way[tenant] -= 1
                self._changed.notify_all()

    def _has_place(self, tenant: str) -> bool:
        return self._under_way.total() < AT_ONCE and self._under_way[tenant] < TENANT_AT_ONCE
