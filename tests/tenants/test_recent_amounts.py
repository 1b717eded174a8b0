"""What a process remembers of the amounts of tenants."""

from __future__ import annotations

from service.storage.tenant_amounts import Amounts
from service.tenants.recent_amounts import RECENT_S, RecentAmounts


def test_the_newest_count_of_a_tenant_is_remembered_for_some_seconds() -> None:
    clock = 100.0
    recent = RecentAmounts(lambda: clock)
    first = Amounts("acme", 1e9, waiting_jobs=1, running_jobs=0, daily_cost=0.5, stored_bytes=10, presets=0)
    assert recent.of("acme") is None
    recent.note(first)
    recent.note(first.with_job(0.25, 5))
    found = recent.of("acme")
    assert found and (found.waiting_jobs, found.daily_cost, found.stored_bytes) == (2, 0.75, 15)
    assert recent.of("birch") is None
    clock += RECENT_S
    assert recent.of("acme") is None
