"""What a tenant has, as its limits count it: jobs, their cost, bytes and presets.

A check takes part in the transaction that adds something, under the lock of all who add the like: so many requests
at once can't pass a limit together.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.errors import LimitExceeded
from service.storage.database import read_clock
from service.storage.disks import MIB
from service.storage.kinds import JUDGE
from service.storage.quota import PRESETS, RETRY_S
from service.storage.schema import BatchRow, JobRow, PresetRow
from service.storage.tenant_limits import TenantLimits
from service.storage.tenant_schema import UsageRow

DAY_S = 86_400.0
SUBMIT_LOCK = "submit"  # of those who add jobs; who adds files of other kinds takes it too, after its own


def waiting_jobs(session: Session, tenant: str) -> int:
    """Return how many jobs wait; a batch that hasn't ended is one. Judgings don't count: nobody asked for them."""
    mine = (JobRow.tenant == tenant, JobRow.status == "queued", JobRow.kind != JUDGE, JobRow.batch.is_(None))
    batches = (BatchRow.tenant == tenant, BatchRow.finished_at.is_(None))
    return sum(session.scalar(select(func.count()).where(*which)) or 0 for which in (mine, batches))


def running_jobs(session: Session, tenant: str) -> int:
    """Return how many jobs run."""
    mine = (JobRow.tenant == tenant, JobRow.status == "running")
    return session.scalar(select(func.count()).where(*mine)) or 0


def daily_cost(session: Session, tenant: str) -> float:
    """Return the megapixel-evaluations of the jobs that ended today (UTC), and of those that wait or run."""
    ended = session.get(UsageRow, (tenant, _today(session)))
    mine = (JobRow.tenant == tenant, JobRow.status.in_(("queued", "running")))
    planned = session.scalar(select(func.sum(JobRow.cost)).where(*mine)) or 0.0
    return planned + (ended.megapixel_evaluations if ended else 0.0)


def until_tomorrow(session: Session) -> float:
    """Return the seconds until the next day begins in UTC."""
    return DAY_S - read_clock(session) % DAY_S


def stored_bytes(session: Session, tenant: str) -> int:
    """Return what the files of its jobs, presets and their former states take, in bytes."""
    sums = (select(func.sum(table.bytes)).where(table.tenant == tenant) for table in (JobRow, *PRESETS))
    return sum(int(session.scalar(query) or 0) for query in sums)


def presets(session: Session, tenant: str) -> int:
    """Return how many presets it saved. Those that came with the service have no owner, and don't count."""
    return session.scalar(select(func.count()).where(PresetRow.tenant == tenant, PresetRow.owner != "")) or 0


def check_stored(session: Session, tenant: str, limits: TenantLimits, more: int) -> None:
    """Raise LimitExceeded if `more` bytes would be too many."""
    if limits.stored_mb is None or more <= 0:
        return
    used = stored_bytes(session, tenant)
    if used + more > limits.stored_mb * MIB:
        raise LimitExceeded(
            "stored_mb",
            limits.stored_mb,
            round(used / MIB, 3),
            f"your files may take {limits.stored_mb:g} MiB; they take {used / MIB:.1f}, and this would add "
            f"{more / MIB:.1f}: delete some with DELETE /v1/transfers/ID or DELETE /v1/styles/NAME?purge=true",
            retry_after=RETRY_S,
        )


def check_presets(session: Session, tenant: str, limits: TenantLimits) -> None:
    """Raise LimitExceeded if one more preset would be too many."""
    if limits.presets is not None and (used := presets(session, tenant)) >= limits.presets:
        detail = f"you may have {limits.presets} presets, and have {used}: delete one with DELETE /v1/styles/NAME"
        raise LimitExceeded("presets", limits.presets, used, detail)


def _today(session: Session) -> str:
    return datetime.fromtimestamp(read_clock(session), UTC).date().isoformat()
