"""Places for requests that may take long, so that they leave threads to the others.

A web process works on NST_WEB_THREADS requests with a body at a time. At most half of them wait for jobs, half read
pictures or packs for long, and three quarters do either: a quarter is left to those that are done soon. A tenant
other than the default one has at most half of each of the three.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service.errors import ServiceError
from service.storage.schema import DEFAULT_TENANT


class Places:
    """Places for requests of a kind in this process.

    A tenant has at most half of them, so that others have some too; the default one may have all. Who takes one takes
    one of `shared` as well, of which several kinds have places.
    """

    def __init__(self, places: int, shared: Places | None = None) -> None:
        self._places = places
        self._shared = shared
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()  # by tenant

    def most_of(self, tenant: str) -> int:
        """Return how many places a tenant may have."""
        return self._places if tenant == DEFAULT_TENANT else max(1, self._places // 2)

    def used_up(self, tenant: str) -> tuple[int, int] | None:
        """Return how many places a tenant may have and has, of these or the shared ones; None if it may have more."""
        if self._taken[tenant] >= self.most_of(tenant):
            return self.most_of(tenant), self._taken[tenant]
        return None if self._shared is None else self._shared.used_up(tenant)

    def take(self, tenant: str) -> bool:
        """Take a place for a tenant; return whether there was one."""
        with self._lock:
            if self._taken.total() >= self._places or self._taken[tenant] >= self.most_of(tenant):
                return False
            if self._shared is not None and not self._shared.take(tenant):
                return False
            self._taken[tenant] += 1
            return True

    @contextmanager
    def place(self, tenant: str, refusal: Callable[[str], ServiceError]) -> Iterator[None]:
        """Hold a place for a tenant while the block runs. Raises what `refusal` returns for it if there is none."""
        if not self.take(tenant):
            raise refusal(tenant)
        try:
            yield
        finally:
            self.free(tenant)

    def free(self, tenant: str) -> None:
        """Give a tenant's place back."""
        with self._lock:
            self._taken[tenant] -= 1
        if self._shared is not None:
            self._shared.free(tenant)


@dataclass(frozen=True)
class LongPlaces:
    """The places of a web process for requests that may take long."""

    for_waits: Places
    for_reads: Places

    @classmethod
    def of(cls, web_threads: int) -> LongPlaces:
        """Return those of a process that works on so many requests with a body at a time."""
        either = Places(web_threads * 3 // 4)
        return cls(Places(web_threads // 2, either), Places(web_threads // 2, either))
