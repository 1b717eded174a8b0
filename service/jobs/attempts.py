"""Attempts at a job in its row: begun, given back, and given up after too many."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.errors import JobFailed
from service.jobs.finish import deadline_error, finish
from service.jobs.ledger import count_begun
from service.jobs.request import TransferRequest
from service.storage.database import read_clock
from service.storage.kinds import TRANSFER
from service.storage.records import JobCheckpoint, JobProgress, Preview
from service.storage.schema import JobRow

MAX_ATTEMPTS = 3  # workers that died one after another without getting a job further, after which it is given up


def give_back_all(session: Session) -> None:
    """Put all running jobs back in the queue: in a copy of a database, whose workers aren't there."""
    for row in session.scalars(select(JobRow).where(JobRow.status == "running")):
        give_back(row)


def give_back(row: JobRow) -> None:
    """Put a running job back in the queue: it will continue at its checkpoint, and the attempt doesn't count."""
    row.status, row.worker, row.lease_until, row.engine = "queued", None, None, None
    go_back(row)
    row.attempts -= 1
    if row.checkpoint is None and not row.attempts and not row.grams:
        row.started_at = None


def enter_news(row: JobRow, progress: JobProgress | None, preview: Preview | None) -> None:
    """Write what is given, each as a new event of the job."""
    if progress is not None:
        row.events += 1
        row.progress = replace(progress, event=row.events)
    if preview is not None:
        row.events += 1
        row.preview = replace(preview, event=row.events)


def enter_checkpoint(row: JobRow, checkpoint: JobCheckpoint) -> None:
    """Write a checkpoint; if no attempt has got as far before, the count of attempts begins anew with this one."""
    before = row.checkpoint or JobCheckpoint()
    fence = before.fence
    if checkpoint.reached > row.reached:
        row.reached, row.attempts, fence = checkpoint.reached, 1, row.fence
        if len(checkpoint.done) > len(before.done):
            row.grams = 0
    row.checkpoint = replace(checkpoint, fence=fence)


def enter_grams(row: JobRow, grams: int) -> None:
    """Note how many Grams an attempt has; if none has had as many, the count of attempts begins anew with it."""
    if grams > row.grams:
        row.grams, row.attempts = grams, 1


def go_back(row: JobRow) -> None:
    """Set the progress back to where the job will continue."""
    enter_news(row, row.checkpoint.progress if row.checkpoint else JobProgress(), None)


def give_up(session: Session, row: JobRow) -> bool:
    """End a job that must not be tried (again); return whether it was ended."""
    if row.cancel_requested or (row.deadline_at is not None and row.deadline_at < read_clock(session)):
        end_unwanted(session, row)
    elif row.attempts >= MAX_ATTEMPTS:
        finish(session, row, "failed", _worn_out(row), abandoned=True)
    else:
        return False
    return True


def end_unwanted(session: Session, row: JobRow) -> None:
    """End a job that no worker has and that was canceled; one that wasn't has missed its deadline."""
    count_begun(row)
    if row.cancel_requested:
        finish(session, row, "canceled", abandoned=True)
    else:
        finish(session, row, "failed", deadline_error(row), abandoned=True)


def _worn_out(row: JobRow) -> JobFailed:
    """Return the error of a job whose workers died too often without getting it further."""
    reached = ""
    if row.kind == TRANSFER:
        iterations = TransferRequest.of(row).iterations
        reached = f" at iteration {row.progress.iteration if row.progress else 0} of {iterations}"
    return JobFailed(
        f"{row.attempts} workers died, hung or could not use its files, the last one ({row.worker}){reached}"
    )
