"""The queue: a row a job, claimed under a lease; whoever holds the newest claim alone may write to it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from service.errors import NotFound, ServiceError, TransferFailed
from service.storage.database import Database, now
from service.storage.schema import JobRow

ENDED = ("succeeded", "failed", "canceled")
MAX_ATTEMPTS = 3  # claims whose worker died before the job is given up


class LeaseLost(Exception):
    """The job was taken over, canceled or deleted meanwhile: whatever was done for it doesn't count."""


@dataclass(frozen=True)
class Claim:
    """A worker's right to write to a job, good until another worker claims it or the job ends."""

    id: str
    fence: int
    request: dict[str, Any]


def new_id() -> str:
    """A job's id: random, so that knowing one tells nothing of others."""
    return uuid.uuid4().hex


class Queue:
    """Jobs and their claims. `lease_s` is how long a claim lasts without a sign of progress, in seconds."""

    def __init__(self, database: Database, lease_s: float) -> None:
        self._database = database
        self._lease_s = lease_s

    # What the API does

    def submit(self, id: str, request: dict[str, Any]) -> JobRow:
        with self._database.writing() as session:
            row = JobRow(id=id, status="queued", request=request, created_at=session.scalar(select(now())))
            session.add(row)
            session.flush()
            session.refresh(row)
        return row

    def get(self, id: str) -> JobRow:
        """Raises NotFound."""
        with self._database.reading() as session:
            row = session.scalar(select(JobRow).where(JobRow.id == id))
        if row is None:
            raise NotFound(f"there is no transfer {id!r}")
        return row

    def page(self, status: str | None, before: int | None, limit: int) -> list[JobRow]:
        """At most `limit` jobs, newest first, those before the number given."""
        query = select(JobRow).order_by(JobRow.number.desc()).limit(limit)
        if status:
            query = query.where(JobRow.status == status)
        if before is not None:
            query = query.where(JobRow.number < before)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def cancel(self, id: str) -> JobRow:
        """Ends a waiting job at once and asks a running one's worker to stop; an ended one stays as it is.

        Raises NotFound.
        """
        with self._database.writing() as session:
            waiting = update(JobRow).where(JobRow.id == id, JobRow.status == "queued")
            session.execute(waiting.values(status="canceled", finished_at=now()))
            running = update(JobRow).where(JobRow.id == id, JobRow.status == "running")
            session.execute(running.values(cancel_requested=True))
        return self.get(id)

    def delete(self, id: str) -> None:
        """Removes the row, which also takes the job from its worker. Raises NotFound."""
        with self._database.writing() as session:
            if session.execute(delete(JobRow).where(JobRow.id == id).returning(JobRow.id)).first() is None:
                raise NotFound(f"there is no transfer {id!r}")

    # What a worker does

    def claim(self, worker: str, engine: dict[str, Any]) -> Claim | None:
        """Takes the oldest job that waits or whose lease ran out; None where there is none."""
        due = or_(JobRow.status == "queued", and_(JobRow.status == "running", JobRow.lease_until < now()))
        oldest = select(JobRow).where(due).order_by(JobRow.number).limit(1)
        with self._database.reading() as session:
            if session.scalar(oldest) is None:
                return None
        with self._database.writing() as session:
            row = session.scalar(oldest.with_for_update(skip_locked=True))
            if row is None:
                return None
            if row.cancel_requested or row.attempts >= MAX_ATTEMPTS:
                _give_up(session, row)
                return None
            return self._take(session, row, worker, engine)

    def _take(self, session: Session, row: JobRow, worker: str, engine: dict[str, Any]) -> Claim:
        clock = session.scalar(select(now())) or 0.0
        row.status, row.worker, row.engine, row.progress = "running", worker, engine, None
        row.started_at = row.started_at or clock
        row.lease_until = clock + self._lease_s
        row.fence += 1
        row.attempts += 1
        return Claim(row.id, row.fence, row.request)

    def report(self, claim: Claim, progress: dict[str, Any] | None = None) -> bool:
        """Renews the lease, and writes progress if there is any. True where someone asked to cancel.

        Raises LeaseLost.
        """
        with self._database.writing() as session:
            row = _held(session, claim)
            row.progress = progress or row.progress
            row.lease_until = (session.scalar(select(now())) or 0.0) + self._lease_s
            return row.cancel_requested

    def succeed(self, claim: Claim, result: dict[str, Any], timings: dict[str, Any], style_cache: str) -> None:
        """Raises LeaseLost."""
        with self._database.writing() as session:
            row = _end(session, claim, "succeeded")
            row.result, row.style_cache = result, style_cache
            row.timings = timings | _clock_timings(row)

    def fail(self, claim: Claim, error: ServiceError) -> None:
        """Raises LeaseLost."""
        with self._database.writing() as session:
            row = _end(session, claim, "failed")
            row.error = error.problem()
            row.timings = _clock_timings(row)

    def end_canceled(self, claim: Claim) -> None:
        """Raises LeaseLost."""
        with self._database.writing() as session:
            row = _end(session, claim, "canceled")
            row.timings = _clock_timings(row)

    def give_back(self, claim: Claim) -> None:
        """Puts the job back in the queue, as if it had not been claimed. Raises LeaseLost."""
        with self._database.writing() as session:
            row = _held(session, claim)
            row.status, row.worker, row.lease_until, row.progress, row.engine = "queued", None, None, None, None
            row.attempts -= 1
            if not row.attempts:
                row.started_at = None


def _held(session: Session, claim: Claim) -> JobRow:
    held = select(JobRow).where(JobRow.id == claim.id, JobRow.fence == claim.fence, JobRow.status == "running")
    row = session.scalar(held.with_for_update())
    if row is None:
        raise LeaseLost(claim.id)
    return row


def _end(session: Session, claim: Claim, status: str) -> JobRow:
    row = _held(session, claim)
    row.status, row.lease_until = status, None
    row.finished_at = session.scalar(select(now()))
    return row


def _give_up(session: Session, row: JobRow) -> None:
    """Ends a job whose lease ran out and that must not be tried again."""
    row.status, row.lease_until = "canceled", None
    if not row.cancel_requested:
        row.status = "failed"
        row.error = TransferFailed(f"{row.attempts} workers died or hung while they worked on it").problem()
    row.finished_at = session.scalar(select(now()))
    row.timings = _clock_timings(row)


def _clock_timings(row: JobRow) -> dict[str, float]:
    """Seconds by the database's clock: in the queue, and in all."""
    started, finished = row.started_at or row.created_at, row.finished_at or row.created_at
    return {"queued_s": round(started - row.created_at, 3), "total_s": round(finished - row.created_at, 3)}
