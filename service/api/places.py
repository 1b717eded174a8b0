"""Places for requests that may take long, so that they leave threads to the others."""

from __future__ import annotations

import threading
from collections import Counter

from service.storage.schema import DEFAULT_TENANT


class Places:
    """Places for requests of a kind in this process.

    A tenant has at most half of them, so that others have some too; the default one may have all.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()  # by tenant

    def most_of(self, tenant: str) -> int:
        """Return how many places a tenant may have."""
        return self._places if tenant == DEFAULT_TENANT else max(1, self._places // 2)

    def taken_by(self, tenant: str) -> int:
        """Return how many places a tenant has."""
        return self._taken[tenant]

    def take(self, tenant: str, most: int | None = None) -> bool:
        """Take a place for a tenant, which may have `most` if that is fewer; return whether there was one."""
        with self._lock:
            share = self.most_of(tenant) if most is None else min(most, self.most_of(tenant))
            if self._taken.total() >= self._places or self._taken[tenant] >= share:
                return False
            self._taken[tenant] += 1
            return True

    def free(self, tenant: str) -> None:
        """Give a tenant's place back."""
        with self._lock:
            self._taken[tenant] -= 1
