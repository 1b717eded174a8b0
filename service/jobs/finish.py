"""The end of a job: its times, its last event, its webhook, and what operators see."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from service.errors import DeadlineExceeded, ServiceError
from service.jobs.batch_course import end_if_done
from service.jobs.job_log import log_after_commit
from service.jobs.ledger import count_finished_pictures, enter
from service.jobs.outbox import enqueue, enqueue_pictures, send_again
from service.jobs.resource import iso, transfer_resource
from service.storage.counted import files_bytes, row_bytes
from service.storage.database import read_clock
from service.storage.kinds import LEARN
from service.storage.row_locks import lock_batches
from service.storage.schema import JobRow


def finish(
    session: Session, row: JobRow, status: str, error: ServiceError | None = None, *, abandoned: bool = False
) -> None:
    """End a job in the transaction that holds its row. Its result must be in the row already.

    `abandoned` says that the worker that ran it has died or given it up.
    """
    if row.batch is not None:
        lock_batches(session, [row.batch])
    has_worker = row.status == "running" and not abandoned
    row.status, row.lease_until = status, None
    give_back_reserved(row)
    _give_back_photographs(row, has_worker)
    row.bytes += files_bytes(count_finished_pictures(row))
    row.error = error.problem() if error else None
    row.finished_at = read_clock(session)
    row.timings = (row.timings or {}) | _clock_timings(row)
    row.events += 1
    enter(session, row)
    _deliver(session, row)
    _call_back(session, row)
    if row.batch is not None:
        end_if_done(session, row.batch)
    log_after_commit(session, row, error.slug if error else None)


def give_back_reserved(row: JobRow) -> None:
    """Let the bytes count no more that were reserved for a result."""
    row.bytes -= row.reserved
    row.reserved = 0


def _give_back_photographs(row: JobRow, has_worker: bool) -> None:
    """Let the files of a learning's request count no more once they go: nobody needs them after its end.

    A worker that runs it removes them now. Where none does, the next sweep does, and gives back what is reserved.
    """
    if row.kind == LEARN:
        photographs = max(0, row.bytes - row_bytes(row.request))
        if has_worker:
            row.bytes -= photographs
        else:
            row.reserved = photographs


def call_back_again(session: Session, row: JobRow) -> None:
    """Send the webhook of an ended job, if it has one, once more."""
    if not send_again(session, row.id):
        _call_back(session, row)


def deadline_error(row: JobRow) -> DeadlineExceeded:
    """Return the error of a job that missed its deadline."""
    given = (row.deadline_at or row.created_at) - row.created_at
    return DeadlineExceeded(f"it was not finished in the {round(given, 3):g} s of its deadline_s")


def _deliver(session: Session, row: JobRow) -> None:
    if row.deliver:
        result = row.transfer_result
        enqueue_pictures(session, row, len(result.pictures) if result and row.status == "succeeded" else 0)


def _call_back(session: Session, row: JobRow) -> None:
    if row.callback_url:
        enqueue(session, row, row.callback_url, _payload(row))


def _payload(row: JobRow) -> dict[str, Any]:
    return {"type": f"transfer.{row.status}", "timestamp": iso(row.finished_at), "data": transfer_resource(row)}


def _clock_timings(row: JobRow) -> dict[str, float]:
    """Return the seconds by the database's clock: in the queue, and in total."""
    started, finished = row.started_at or row.created_at, row.finished_at or row.created_at
    return {"queued_s": round(started - row.created_at, 3), "total_s": round(finished - row.created_at, 3)}
