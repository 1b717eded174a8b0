"""The removal of jobs and batches, with all rows that are there for them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import Session, defer

from service.jobs import ledger
from service.jobs.outbox import expire_pictures, forget, let_batch_go
from service.jobs.request import style_digests
from service.jobs.tasks import following_id
from service.storage.kinds import JUDGE
from service.storage.row_locks import lock_jobs
from service.storage.schema import DEFAULT_TENANT, REQUESTS_AT_ONCE, BatchRow, IdempotencyRow, JobRow
from service.storage.style_uses import note_uses


def with_judging(ids: Collection[str]) -> ColumnElement[bool]:
    """Return the condition on the rows of these jobs, and on those of their judgings."""
    return or_(JobRow.id.in_(ids), _judging(ids))


def _judging(ids: Collection[str]) -> ColumnElement[bool]:
    return and_(JobRow.id.in_([following_id(id) for id in ids]), JobRow.kind == JUDGE)


def remove(session: Session, ids: Collection[str]) -> list[str]:
    """Remove jobs and batches; return the ids of the jobs that existed.

    With them go their idempotency keys, messages that are over and the measuring of their losses, whose cost is
    entered. Which style pictures they had is noted.
    """
    lock_jobs(session, with_judging(ids), batches=ids)
    theirs = select(JobRow.batch).where(JobRow.id.in_(ids), JobRow.batch.is_not(None)).distinct()
    batches = {batch for batch in session.scalars(theirs) if batch and batch not in ids}
    session.execute(delete(BatchRow).where(BatchRow.id.in_(ids)))
    measuring = select(JobRow).options(defer(JobRow.request)).where(_judging(ids))
    judging = session.scalars(measuring.order_by(JobRow.tenant, JobRow.id)).all()
    for row in judging:
        ledger.enter_removed(session, row)
    forget(session, ids)
    session.execute(delete(IdempotencyRow).where(IdempotencyRow.job_id.in_(ids)))
    of_tenants = (JobRow.id.in_(ids), JobRow.tenant != DEFAULT_TENANT)
    requests = select(JobRow.tenant, JobRow.request).where(*of_tenants)
    rows = session.execute(requests.execution_options(yield_per=REQUESTS_AT_ONCE))
    note_uses(session, {(tenant, image) for tenant, request in rows for image in style_digests(request)})
    gone = [*ids, *(row.id for row in judging)]
    gone = list(session.scalars(delete(JobRow).where(JobRow.id.in_(gone)).returning(JobRow.id)))
    for batch in batches:
        let_batch_go(session, batch)
    return gone


def expire(session: Session, ids: Collection[str]) -> int:
    """Remove jobs and batches that have expired; return how many of their pictures were not delivered."""
    lock_jobs(session, or_(with_judging(ids), JobRow.batch.in_(ids)), batches=ids)
    lost = expire_pictures(session, ids)
    remove(session, ids)
    return lost
