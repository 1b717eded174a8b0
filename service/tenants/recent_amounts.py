"""What tenants had a moment ago, as this process counted it: enough to read a request's pictures, never to refuse."""

from __future__ import annotations

import time
from collections.abc import Callable

from service.storage.tenant_amounts import Amounts

RECENT_S = 5.0  # seconds for which a count can stand for a new one


class RecentAmounts:
    """The newest counts in one process, by tenant. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counted: dict[str, tuple[Amounts, float]] = {}

    def note(self, amounts: Amounts) -> None:
        """Note what a tenant has, as it was just counted."""
        self._counted[amounts.tenant] = amounts, self._clock()

    def of(self, tenant: str) -> Amounts | None:
        """Return what a tenant had RECENT_S ago or later; None if that isn't known."""
        amounts, counted_at = self._counted.get(tenant, (None, 0.0))
        return amounts if self._clock() < counted_at + RECENT_S else None
