"""Fair scheduling: the conditions under which a worker may claim a job, and the order among those jobs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

from service.jobs.registry import is_alive
from service.storage.database import now
from service.storage.kinds import COMPARE, JUDGE, KINDS, LEARN
from service.storage.lanes import PAINT, Lane
from service.storage.records import JobCheckpoint
from service.storage.schema import CallerRow, JobRow, WorkerRow

BEHIND = {JUDGE: 1, COMPARE: 2, LEARN: 3}  # kinds that come after all others, in this order, and give way to them
PATIENCE_S = 1.0  # seconds that other jobs wait before one of these gives way
MOST_DOUBLED = 12  # times that this is doubled at most
HANDOVER_S = 5.0  # seconds in which a job that gives way has handed its worker over
PAINT_PATIENCE_S = 1.0  # seconds that a painting waits for a painter worker before any worker may claim it
JUDGE_PATIENCE_S = 1.0  # seconds after the last painting, before the losses of paintings are measured
JUDGE_LATEST_S = 30.0  # seconds after which a judging may be claimed although paintings follow one another
_NEWER = aliased(JobRow)  # made once: that takes longer than the rest of the conditions, which idle workers ask often


def next_due(lane: Lane, passed_over: Collection[str]) -> Any:
    """Select the next job for a worker of this lane: first the caller whose last claim is longest ago."""
    last_claim = func.coalesce(CallerRow.last_claim, 0)
    joined = select(JobRow).outerjoin(CallerRow, CallerRow.owner == JobRow.owner).where(is_due(lane, passed_over))
    behind, painting = case(BEHIND, value=JobRow.kind, else_=0), case((JobRow.lane == PAINT, 0), else_=1)
    in_turn = (behind, last_claim, CallerRow.owner, JobRow.priority.desc(), painting, JobRow.number)
    return joined.order_by(*in_turn).limit(1)


def is_due(lane: Lane, passed_over: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a worker may claim a job; kinds of newer versions are left to their workers.

    `passed_over` are tenants whose jobs have to wait, see service.jobs.running_limits.
    """
    due = and_(is_free(), JobRow.kind.in_(KINDS))
    if passed_over:
        due = and_(due, JobRow.tenant.not_in(list(passed_over)))
    return and_(due, JobRow.lane == PAINT if lane == PAINT else and_(_is_left_to_engine(), _may_be_judged()))


def goes_before(kind: str) -> ColumnElement[bool]:
    """Return the condition that a job is of a kind that comes before another one, which is one of BEHIND."""
    return JobRow.kind.in_([other for other in KINDS if BEHIND.get(other, 0) < BEHIND[kind]])


def gets_no_worker() -> ColumnElement[bool]:
    """Return the condition that no job gives way to this one just now; a waiting job has a lease until it is done."""
    return or_(JobRow.lease_until.is_(None), JobRow.lease_until < now())


def patience_s(kind: str, fence: int, checkpoint: JobCheckpoint | None) -> float:
    """Return the seconds that other jobs wait before a running job of one of BEHIND gives way.

    They are doubled with each claim since the one in which the job last got further, so that it comes to its end
    however often others come; a learning gets further in each. `fence` counts its claims.
    """
    since = checkpoint.fence if checkpoint else 0
    claims = 0 if kind == LEARN else max(0, fence - 1 - since)  # that were in vain
    return PATIENCE_S * float(2 ** min(MOST_DOUBLED, claims))


def is_held() -> ColumnElement[bool]:
    """Return the condition that a job runs under a lease that hasn't run out."""
    return and_(JobRow.status == "running", JobRow.lease_until >= now())


def is_free() -> ColumnElement[bool]:
    """Return the condition that no worker has a job: it waits, or the lease under which it runs has run out."""
    return or_(JobRow.status == "queued", and_(JobRow.status == "running", JobRow.lease_until < now()))


def _is_left_to_engine() -> ColumnElement[bool]:
    """Return the condition that no painter worker is likely to claim a job."""
    has_waited = JobRow.created_at < now() - PAINT_PATIENCE_S
    return or_(JobRow.lane != PAINT, has_waited, ~exists().where(is_alive(PAINT)).correlate_except(WorkerRow))


def _may_be_judged() -> ColumnElement[bool]:
    """Return the condition that a job is no judging, or one that is due.

    Each painting submits a judging. While they follow one another, the next one needs the cores; so all judgings wait
    until none was submitted for JUDGE_PATIENCE_S. One that is JUDGE_LATEST_S old may be claimed all the same, but
    after jobs of most other kinds: see BEHIND.
    """
    is_recent = _NEWER.created_at.between(now() - JUDGE_PATIENCE_S, now())
    recent = exists().where(_NEWER.status == "queued", _NEWER.kind == JUDGE, is_recent)
    has_waited = JobRow.created_at < now() - JUDGE_LATEST_S
    return or_(JobRow.kind != JUDGE, has_waited, ~recent.correlate_except(_NEWER))
