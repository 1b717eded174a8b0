"""The ledger: what the ended jobs of each tenant have cost, by day. It outlives the jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from sqlalchemy import cast, event, func, select
from sqlalchemy.orm import Session

from service.jobs.cost import begun_cost
from service.jobs.tasks import followed_id
from service.storage.database import read_clock
from service.storage.kinds import FOLLOWING
from service.storage.records import ENDED, JobUsage
from service.storage.schema import JobRow
from service.storage.tenant_schema import UsageRow
from service.storage.upsert import insert_into
from service.telemetry import instruments

SUMMED = ("jobs", "megapixel_evaluations", "compute_s", "bytes_in", "bytes_out")
DIGITS = 6  # after the point, of a sum


def enter(session: Session, row: JobRow) -> None:
    """Add the cost of a job that ends to its tenant's day, in the transaction of its end, and then to the metrics.

    The cost of a task that measures losses is part of the `usage` of the job that it follows, if that is still there.
    """
    used = row.usage or JobUsage()
    if row.kind in FOLLOWING:
        _add_to_followed(session, row, used)
    day = datetime.fromtimestamp(row.finished_at or row.created_at, UTC).date().isoformat()
    values = {"tenant": row.tenant, "day": day, "jobs": int(row.kind not in FOLLOWING)} | used.to_json()
    insert = insert_into(session, UsageRow).values(values)
    more = {name: UsageRow.__table__.c[name] + insert.excluded[name] for name in SUMMED}
    session.execute(insert.on_conflict_do_update(index_elements=("tenant", "day"), set_=more))
    count = partial(_count, row.kind, used)
    event.listen(session, "after_commit", lambda session: count(), once=True)


def _add_to_followed(session: Session, row: JobRow, used: JobUsage) -> None:
    """Add a task's cost to the job that it follows. Whoever carries it out has locked both before, in their order.

    Whoever ends one without its worker has only its row: it passes over the other one where somebody holds that.
    """
    followed = select(JobRow).where(JobRow.id == followed_id(row.request))
    if (job := session.scalar(followed.with_for_update(skip_locked=True))) is not None:
        job.usage = (job.usage or JobUsage()) + used
        job.events += 1


def enter_removed(session: Session, row: JobRow) -> None:
    """Enter what a job has cost that is removed before its end; an ended one was entered then."""
    if row.status not in ENDED:
        row.finished_at = read_clock(session)
        count_begun(row)
        count_finished_pictures(row)
        enter(session, row)


def count_finished_pictures(row: JobRow) -> list[int]:
    """Count the files of the pictures that a series had finished when it failed, was canceled or removed.

    Return their sizes. The pictures of a judging have no files.
    """
    sizes = [picture.bytes for picture in row.checkpoint.done] if row.checkpoint else []
    if not any(sizes):
        return []
    row.usage = replace(row.usage or JobUsage(), bytes_out=sum(sizes))
    return sizes


def count_begun(row: JobRow) -> None:
    """Count one evaluation at least of a job that evaluates pictures, if a worker has begun it and it ends early.

    The worker counts an evaluation when it ends. Without this, whoever cancels during the first would pay nothing.
    """
    used = row.usage or JobUsage()
    row.usage = replace(used, megapixel_evaluations=max(used.megapixel_evaluations, begun_cost(row)))


def _count(kind: str, used: JobUsage) -> None:
    instruments.usage_evaluations.labels(kind).inc(used.megapixel_evaluations)
    instruments.usage_compute.labels(kind).inc(used.compute_s)
    instruments.usage_bytes.labels(kind, "in").inc(used.bytes_in)
    instruments.usage_bytes.labels(kind, "out").inc(used.bytes_out)


def totals(session: Session, tenant: str | None, first: date, last: date, *, by_day: bool) -> list[dict[str, Any]]:
    """Return the sums of a tenant's ended jobs over some days, or of each tenant's where `tenant` is None.

    The days count in UTC, `first` and `last` included. With `by_day` each day that has jobs has its own sums.
    """
    keys = [UsageRow.tenant, *([UsageRow.day] if by_day else [])]
    columns = [getattr(UsageRow, name) for name in SUMMED]
    sums = [cast(func.sum(column), column.type).label(column.key) for column in columns]  # PostgreSQL's are decimals
    days = UsageRow.day.between(first.isoformat(), last.isoformat())
    query = select(*keys, *sums).where(days).group_by(*keys).order_by(*keys)
    if tenant is not None:
        query = query.where(UsageRow.tenant == tenant)
    return [rounded(dict(row._mapping)) for row in session.execute(query)]


def rounded(sums: Mapping[str, Any]) -> dict[str, Any]:
    """Return sums without what adding binary fractions leaves at their ends, as in 0.30000000000000004."""
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in sums.items()}
