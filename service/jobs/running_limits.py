"""The limit on running jobs: a tenant that has reached it is passed over until one of its jobs ends."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.jobs.scheduling import is_due, is_free, is_held, next_due
from service.storage.database import advisory_lock
from service.storage.lanes import Lane
from service.storage.schema import JobRow
from service.storage.tenant_limits import TenantLimits, running_limits

_FREE = select(JobRow.id).where(is_free()).limit(1)  # made once: idle workers ask again and again


def passed_over(session: Session, defaults: TenantLimits, *, but: str = "") -> set[str]:
    """Return the tenants that have as many running jobs as they may; `but` is the id of one that doesn't count.

    Jobs whose lease ran out don't count: a worker has to take them over.
    """
    counts = select(JobRow.tenant, func.count()).where(is_held(), JobRow.id != but).group_by(JobRow.tenant)
    running = {tenant: count for tenant, count in session.execute(counts)}  # noqa: C416 - a Row is no pair
    limits = running_limits(session, running, defaults)
    return {tenant for tenant, limit in limits.items() if running[tenant] >= limit}


def is_any_due(session: Session, lane: Lane, defaults: TenantLimits) -> bool:
    """Return whether there is a job that a worker of this lane may claim."""
    if session.scalar(_FREE) is None:
        return False
    due = is_due(lane, passed_over(session, defaults))
    return session.scalar(select(JobRow.id).where(due).limit(1)) is not None


def next_job(session: Session, lane: Lane, defaults: TenantLimits) -> JobRow | None:
    """Return the job that a worker of this lane may claim next, locked until the transaction ends, or None."""
    due = next_due(lane, passed_over(session, defaults))
    row: JobRow | None = session.scalar(due.with_for_update(skip_locked=True, of=JobRow))
    return row


def may_run_one_more(session: Session, tenant: str, defaults: TenantLimits) -> bool:
    """Return whether a worker may begin a job of a tenant; until the transaction ends no other worker begins one.

    A transaction that asked this for one tenant must not ask for another one: two such could wait for each other.
    """
    if not running_limits(session, [tenant], defaults):
        return True
    advisory_lock(session, f"running {tenant}")
    return tenant not in passed_over(session, defaults)
