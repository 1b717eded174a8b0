"""What the callers' sides of jobs and batches have in common: each is that of one tenant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Self

from sqlalchemy import select
from sqlalchemy.orm import defer

from service.jobs.limits import Addition, Limits, Standing, check_limits
from service.jobs.line import Line
from service.jobs.request import TransferRequest
from service.storage.database import Database, Transaction
from service.storage.schema import DEFAULT_TENANT, REQUESTS_AT_ONCE, JobRow
from service.storage.tenancy import check_tenant
from service.storage.tenant_amounts import Amounts
from service.storage.tenant_limits import TenantLimits, limits_in_force

WITHOUT_REQUEST = defer(JobRow.request)
"""For a list of jobs: each request repeats the whole recipe, so they are read some at a time (`with_requests`)."""


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

    def with_requests(self, rows: Sequence[JobRow]) -> Iterator[tuple[JobRow, TransferRequest]]:
        """Yield each of these transfers with its request, but those that are gone by now.

        Few requests are in memory at a time. No transaction is open meanwhile, so a client may be waited for.
        """
        for i in range(0, len(rows), REQUESTS_AT_ONCE):
            some = rows[i : i + REQUESTS_AT_ONCE]
            query = select(JobRow.id, JobRow.request).where(JobRow.id.in_([row.id for row in some]))
            with self._database.reading() as session:
                requests = {id: request or {} for id, request in session.execute(query)}
            for row in some:
                if row.id in requests:
                    yield row, TransferRequest.from_json(requests.pop(row.id))

    def _tenant_limits(self, session: Transaction) -> TenantLimits:
        """Return the limits in force for the tenant."""
        return limits_in_force(session, self._tenant, self._limits.tenant)

    def _check_tenant(self, session: Transaction) -> TenantLimits:
        """Return the limits in force for the tenant. Raises Unauthorized as `check_tenant`."""
        return check_tenant(session, self._tenant, self._since).over(self._limits.tenant)

    def _check_limits(
        self,
        session: Transaction,
        of_tenant: TenantLimits,
        owner: str,
        more: int,
        cost: float = 0.0,
        *,
        recent: Amounts | None = None,
    ) -> Standing:
        """Return the tenant's amounts, and the room left beside `more` bytes at this cost.

        `of_tenant` are the limits in force for it. The amounts are counted, unless they are given as `recent`.

        Raises LimitExceeded, QueueFull, TooManyJobs or NoSpace if they would be too much.
        """
        new = Addition(self._tenant, owner, more, cost)
        return check_limits(session, self._limits, of_tenant, new, self._line, recent=recent)
