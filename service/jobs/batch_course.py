"""The course of a batch: it runs from when its first job does, and ends with its last one, with a webhook."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from service.jobs.links import link
from service.jobs.outbox import enqueue
from service.jobs.resource import iso
from service.storage.database import read_clock
from service.storage.json_sums import total_in
from service.storage.records import ENDED, BatchSums, JobUsage
from service.storage.schema import BatchRow, JobRow


def sums_of(session: Session, ids: Collection[str]) -> dict[str, BatchSums]:
    """Return what the jobs of each of these batches, as far as they exist, are together."""
    counts: dict[str, dict[str, int]] = {id: {} for id in ids}
    costs, usages = dict.fromkeys(ids, 0.0), dict.fromkeys(ids, JobUsage())
    used = (total_in(session, JobRow.usage, name) for name in JobUsage.__dataclass_fields__)
    sums = select(JobRow.batch, JobRow.status, func.count(), func.sum(JobRow.cost), *used)
    theirs = sums.where(JobRow.batch.in_(ids)).group_by(JobRow.batch, JobRow.status)
    for batch, status, count, cost, *amounts in session.execute(theirs):
        id = str(batch)
        counts[id][status] = count
        costs[id] += cost
        usages[id] += JobUsage.from_json(dict(zip(JobUsage.__dataclass_fields__, amounts, strict=True)))
    return {id: BatchSums.of(counts[id], costs[id], usages[id]) for id in ids}


def begin(session: Session, id: str) -> None:
    """Have a batch run, in the transaction that claims a job of it."""
    waiting = (BatchRow.id == id, BatchRow.status == "queued")
    session.execute(update(BatchRow).where(*waiting).values(status="running"))


def end_if_done(session: Session, id: str) -> None:
    """End a batch in a transaction that ends or removes a job of it, if that was the last one."""
    session.flush()
    batch = session.get(BatchRow, id, with_for_update=True)  # of two jobs that end at a time, one waits for the other
    if batch is None or batch.finished_at is not None:
        return
    unfinished = select(JobRow.id).where(JobRow.batch == id, JobRow.status.not_in(ENDED))
    if session.scalar(unfinished.limit(1)) is not None:
        return
    batch.finished_at, batch.sums = read_clock(session), sums_of(session, [id])[id]
    batch.status = _end_status(batch, batch.sums)
    if batch.callback_url:
        payload = {"type": f"batch.{batch.status}", "timestamp": iso(batch.finished_at)}
        enqueue(session, batch, batch.callback_url, payload | {"data": batch_json(batch, batch.sums)})


def mend_ended(session: Session, limit: int) -> None:
    """Give `limit` batches that processes of earlier versions ended their sums and status, the newest ones first."""
    unmended = select(BatchRow).where(BatchRow.finished_at.is_not(None), BatchRow.sums.is_(None))
    newest = unmended.order_by(BatchRow.finished_at.desc()).limit(limit)
    batches = session.scalars(newest.with_for_update(skip_locked=True)).all()
    sums = sums_of(session, [batch.id for batch in batches])
    for batch in batches:
        batch.sums = sums[batch.id]
        batch.status = _end_status(batch, sums[batch.id])


def _end_status(batch: BatchRow, sums: BatchSums) -> str:
    """Return the status in which a batch ends: one job that succeeded is enough to have succeeded.

    A batch that was canceled is canceled, whatever its jobs are.
    """
    if batch.cancel_requested:
        return "canceled"
    return "succeeded" if sums.counts["succeeded"] else "failed"


def batch_json(
    batch: BatchRow,
    sums: BatchSums,
    fraction: float = 1.0,
    eta_seconds: float | None = 0.0,
    callback: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a batch as callers see it; the defaults are those of one that has just ended.

    `fraction` of its work is done, it ends in `eta_seconds` as far as that is known, and `callback` is its webhook.
    """
    here = link(f"/v1/batches/{batch.id}")
    ended_before = batch.finished_at is not None and batch.sums is None  # by a worker of an earlier version
    return {
        "id": batch.id,
        "status": _end_status(batch, sums) if ended_before else batch.status,
        "created_at": iso(batch.created_at),
        "finished_at": iso(batch.finished_at),
        "counts": {"total": batch.total} | dict(sums.counts),
        "fraction": round(fraction, 4),
        "eta_seconds": eta_seconds,
        "cost": round(sums.cost, 3),
        "usage": sums.usage.to_json()
        | {
            "megapixel_evaluations": round(sums.usage.megapixel_evaluations, 6),
            "compute_s": round(sums.usage.compute_s, 3),
        },
        "callback": callback,
        "links": {"self": here} | {part: f"{here}/{part}" for part in ("items", "zip", "events")},
    }
