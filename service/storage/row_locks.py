"""The order in which transactions lock rows.

SQLite has one writer at a time. In PostgreSQL two transactions that lock the same rows in different orders can wait
for each other for ever; the server then ends one of them ("deadlock detected"). So each transaction takes, of these,
those that it needs, from the top down:

1. the advisory locks: of tenants, of keys, of presets, of submitting;
2. presets, then their former states;
3. jobs, by tenant and id; then the advisory lock of a tenant's running jobs;
4. batches, by id;
5. the ledger's days, by tenant;
6. deliveries, keys of repeated requests, notes of style pictures (by tenant and picture), left folders (by name);
7. marks, which tell processes of a change.

Whoever needs several jobs or batches locks all of them before anything below them. What can be done later as well
(housekeeping, heartbeats) passes over the jobs and lower rows that others hold, unless it takes them in this order.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, delete, inspect, select, tuple_
from sqlalchemy.orm import Session

from service.storage.schema import Base, BatchRow, JobRow


def lock_jobs(
    session: Session, *which: ColumnElement[bool], batches: Collection[str] = (), skip_locked: bool = False
) -> list[str]:
    """Lock jobs, then the batches that they belong to and those named; return the ids of the jobs.

    With `skip_locked`, jobs that others hold are left out.
    """
    query = select(JobRow.id, JobRow.batch).where(*which).order_by(JobRow.tenant, JobRow.id)
    found = session.execute(query.with_for_update(skip_locked=skip_locked)).all()
    lock_batches(session, {*batches, *(batch for _, batch in found if batch is not None)})
    return [id for id, _ in found]


def lock_batches(session: Session, ids: Collection[str]) -> None:
    """Lock batches, as far as they exist, after their jobs."""
    if ids:
        session.execute(select(BatchRow.id).where(BatchRow.id.in_(ids)).order_by(BatchRow.id).with_for_update()).all()


def delete_unlocked(session: Session, table: type[Base], *which: ColumnElement[bool]) -> None:
    """Remove those of some rows that no other transaction holds."""
    key = inspect(table).primary_key
    free = select(*key).where(*which).with_for_update(skip_locked=True)
    session.execute(delete(table).where(tuple_(*key).in_(free)), execution_options={"synchronize_session": False})
