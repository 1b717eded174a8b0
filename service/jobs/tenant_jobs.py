"""What the callers' sides of jobs and batches have in common: each is that of one tenant."""

from __future__ import annotations

from copy import copy
from typing import Self

from service.jobs.limits import Addition, Limits, Standing, check_limits
from service.jobs.line import Line
from service.storage.database import Database, Transaction
from service.storage.schema import DEFAULT_TENANT


class TenantJobs:
    """Jobs as one tenant sees them: those of others don't exist for it.

    `since` is as in `check_tenant`. `line` says when fewer jobs will wait; without it there is one of its own.
    """

    def __init__(
        self,
        database: Database,
        limits: Limits,
        tenant: str = DEFAULT_TENANT,
        since: float | None = None,
        *,
        line: Line | None = None,
    ) -> None:
        self._database = database
        self._limits = limits
        self._tenant = tenant
        self._since = since
        self._line = line or Line(database, limits.tenant)

    def of(self, tenant: str, since: float | None = None) -> Self:
        """Return the jobs as another tenant sees them."""
        other = copy(self)
        other._tenant, other._since = tenant, since
        return other

    def _check_limits(self, session: Transaction, owner: str, more: int, cost: float = 0.0) -> Standing:
        """Return the tenant's amounts, and the room left beside `more` bytes at this cost.

        Raises LimitExceeded, QueueFull, TooManyJobs or NoSpace if they would be too much.
        """
        return check_limits(session, self._limits, Addition(self._tenant, owner, more, cost), self._line)
