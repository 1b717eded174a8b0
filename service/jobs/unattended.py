"""Jobs that no worker attends to: those that wait, and those of dead workers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_, select, update

from service.jobs.attempts import end_unwanted
from service.jobs.registry import process_of
from service.jobs.scheduling import is_free, is_held
from service.machine.bells import ROWS, ring
from service.machine.processes import is_alive
from service.storage.database import Database, now
from service.storage.row_locks import lock_jobs
from service.storage.schema import JobRow

AT_ONCE = 200  # jobs that one look ends: its transaction holds up all who write


def end_unattended(database: Database) -> None:
    """End jobs that no worker has and that were canceled or missed their deadline, AT_ONCE of them at most."""
    is_over = and_(is_free(), or_(JobRow.cancel_requested, JobRow.deadline_at < now()))
    with database.reading() as session:
        if session.scalar(select(JobRow.id).where(is_over).limit(1)) is None:
            return
    with database.writing() as session:
        some = select(JobRow.id).where(is_over).order_by(JobRow.tenant, JobRow.id).limit(AT_ONCE)
        ids = lock_jobs(session, is_over, JobRow.id.in_(some), skip_locked=True)
        for row in session.scalars(select(JobRow).where(JobRow.id.in_(ids)).order_by(JobRow.tenant, JobRow.id)):
            end_unwanted(session, row)
    ring(ROWS)


def release(database: Database, workers: Sequence[str]) -> list[str]:
    """Expire the leases of dead workers at once; return the ids of their jobs."""
    with database.writing() as session:
        ids = lock_jobs(session, is_held(), JobRow.worker.in_(workers))
        session.execute(update(JobRow).where(JobRow.id.in_(ids)).values(lease_until=now() - 1))
    ring(ROWS)
    return ids


def release_dead(database: Database, namespace: str) -> list[str]:
    """Expire the leases of this PID namespace's workers whose process has ended; return the ids of their jobs."""
    mine = JobRow.worker.startswith(f"{namespace}:", autoescape=True)
    with database.reading() as session:
        workers = set(session.scalars(select(JobRow.worker).where(is_held(), mine)))
    dead = [worker for worker in workers if worker and not is_alive(process_of(worker))]
    return release(database, dead) if dead else []
