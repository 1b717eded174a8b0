"""The fetches of a process: a few at a time, fewer for one tenant; others wait for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager

from service.machine.new_threads import Threads
from service.outbound.fair_turns import TENANT_AT_ONCE, Requester, Turns
from service.outbound.fetch import ByteBudget, Fetcher

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
        self, budgets: Mapping[str, ByteBudget], tenant: str, wait_s: float | None = None
    ) -> Iterator[Mapping[str, Future[bytes]]]:
        """Fetch URLs meanwhile, TENANT_AT_ONCE at a time; those that haven't begun at the end never do.

        `budgets` has the bytes for each URL, which several may share. Each waits `wait_s` seconds for its turn.

        A future's result raises NotFetched, or TooManyFetches or Unavailable if its turn did not come.

        Raises Unavailable where the system has no room for a thread.
        """
        threads = Threads(TENANT_AT_ONCE, thread_name_prefix="fetch")
        requester, seconds = self._turns.requester(tenant), self._wait_s if wait_s is None else wait_s
        try:
            yield {
                url: threads.submit(self._fetch, url, budget, requester, seconds) for url, budget in budgets.items()
            }
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            self._turns.end(requester)

    def _fetch(self, url: str, budget: ByteBudget, requester: Requester, wait_s: float) -> bytes:
        with self._turns.turn(requester, wait_s):
            return self._fetcher.fetch(url, budget)
