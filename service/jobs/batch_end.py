"""The end of a batch, with its last job: its time and its webhook."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.jobs.deliveries import enqueue
from service.jobs.links import link
from service.jobs.resource import iso
from service.storage.database import read_clock
from service.storage.schema import ENDED, BatchRow, JobRow

STATUSES = ("queued", "running", "succeeded", "failed", "canceled")


def counts_of(session: Session, id: str) -> dict[str, int]:
    """Return the jobs of a batch by status."""
    found = select(JobRow.status, func.count()).where(JobRow.batch == id).group_by(JobRow.status)
    return dict.fromkeys(STATUSES, 0) | {status: count for status, count in session.execute(found)}  # noqa: C416


def status_of(batch: BatchRow, counts: dict[str, int]) -> str:
    """Return the status of a batch. Once all of its jobs have ended, one that succeeded is enough to have succeeded.

    A batch that was canceled is canceled, whatever its jobs are.
    """
    if batch.finished_at is None:
        begun = sum(counts.values()) > counts["queued"] or batch.total > sum(counts.values())
        return "running" if begun else "queued"
    if batch.cancel_requested:
        return "canceled"
    return "succeeded" if counts["succeeded"] else "failed"


def end_if_done(session: Session, id: str) -> None:
    """End a batch in a transaction that ends or removes a job of it, if that was the last one."""
    session.flush()
    batch = session.get(BatchRow, id, with_for_update=True)  # of two jobs that end at a time, one waits for the other
    if batch is None or batch.finished_at is not None:
        return
    unfinished = select(JobRow.id).where(JobRow.batch == id, JobRow.status.not_in(ENDED))
    if session.scalar(unfinished.limit(1)) is not None:
        return
    batch.finished_at = read_clock(session)
    if batch.callback_url:
        counts = counts_of(session, id)
        status = status_of(batch, counts)
        payload = {"type": f"batch.{status}", "timestamp": iso(batch.finished_at)}
        enqueue(session, id, batch.callback_url, payload | {"data": summary(batch, counts)}, batch.tenant)


def summary(batch: BatchRow, counts: dict[str, int]) -> dict[str, Any]:
    """Return a batch as callers see it, without what changes while its jobs run."""
    here = link(f"/v1/batches/{batch.id}")
    return {
        "id": batch.id,
        "status": status_of(batch, counts),
        "created_at": iso(batch.created_at),
        "finished_at": iso(batch.finished_at),
        "counts": {"total": batch.total} | counts,
        "links": {"self": here} | {part: f"{here}/{part}" for part in ("items", "zip", "events")},
    }
