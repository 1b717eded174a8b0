"""The queue as its callers use it: jobs go in, are looked at, canceled and deleted."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, event, func, select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.jobs.expiry import is_kept
from service.jobs.finish import end
from service.jobs.idempotency import RepeatKey, remember, repeated
from service.jobs.limits import Limits, check_limits
from service.jobs.request import job_folder
from service.storage.database import Database, now, take_turns
from service.storage.left import leave
from service.storage.schema import IdempotencyRow, JobRow, TurnRow
from service.telemetry.instruments import jobs_submitted

SUBMITTING = "submit"  # the turn that writers of new jobs take


def new_id() -> str:
    """A job's id: random, so that knowing one tells nothing of others."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Submission:
    """A new job, of one of the KINDS. `owner` is its caller; it may take `deadline_s` seconds, waiting included.

    `trace` is the traceparent of the request that it comes with, `bytes` what the files of its request take.
    """

    id: str
    request: dict[str, Any]
    owner: str = ""
    priority: int = 0
    deadline_s: float | None = None
    callback_url: str | None = None
    repeat: RepeatKey | None = None
    kind: str = "transfer"
    trace: str | None = None
    bytes: int = 0


class Queue:
    """The callers' side of the queue; `service.jobs.leases` is the workers'."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    def check_room(self, owner: str, more: int = 0) -> None:
        """Raises QueueFull, TooManyJobs or NoSpace if a job of this caller, of `more` bytes, would not be taken."""
        with self._database.reading() as session:
            check_limits(session, self._limits, owner, more)

    def repeated(self, asked: RepeatKey) -> JobRow | None:
        """The job that a POST with this key made before. Raises InvalidInput if that was with another body."""
        with self._database.reading() as session:
            return repeated(session, asked, self._limits.retention_s)

    def submit(self, new: Submission) -> JobRow:
        """Takes a job in, or gives the one that its key made before: then its id is another one.

        Raises:
            QueueFull, TooManyJobs: too many wait already.
            NoSpace: the caller's files take too much.
            InvalidInput: the key came with another body before.
        """
        with self._database.writing() as session:
            return self.submit_in(session, new)

    def submit_in(self, session: Session, new: Submission) -> JobRow:
        """Does what `submit` does within a transaction under way, with which the job comes about or doesn't."""
        take_turns(session, SUBMITTING)  # lest two that count the waiting jobs at once both find room
        if (earlier := repeated(session, new.repeat, self._limits.retention_s)) is not None:
            return earlier
        check_limits(session, self._limits, new.owner, new.bytes)
        row = _row(new, session.scalar(select(now())) or 0.0)
        session.add(row)
        remember(session, new.repeat, new.id)
        if session.get(TurnRow, new.owner) is None:
            session.add(TurnRow(owner=new.owner, turn=0))
        session.flush()
        session.refresh(row)
        event.listen(session, "after_commit", lambda _: jobs_submitted.labels(new.kind).inc(), once=True)
        return row

    def get(self, id: str, kind: str | None = None) -> JobRow:
        """A job, of this kind if one is named. Raises NotFound."""
        with self._database.reading() as session:
            row = session.scalar(select(JobRow).where(JobRow.id == id, is_kept(self._limits.retention_s)))
        if row is None or (kind and row.kind != kind):
            raise NotFound(f"there is no {kind or 'job'} {id!r}")
        return row

    def endings(self, ids: Collection[str]) -> dict[str, tuple[str, dict[str, Any] | None]]:
        """The status and the error of each of these jobs; without those that don't exist."""
        with self._database.reading() as session:
            rows = session.execute(select(JobRow.id, JobRow.status, JobRow.error).where(JobRow.id.in_(ids)))
            return {id: (status, error) for id, status, error in rows}

    def event_counts(self, ids: Collection[str]) -> dict[str, int]:
        """How many events each of these jobs has had; without those that don't exist."""
        with self._database.reading() as session:
            rows = session.execute(select(JobRow.id, JobRow.events).where(JobRow.id.in_(ids)))
            return {id: events for id, events in rows}  # noqa: C416 - a Row is no pair to the type checker

    def page(self, status: str | None, before: int | None, limit: int) -> list[JobRow]:
        """At most `limit` transfers, newest first, those before the number given."""
        query = select(JobRow).where(JobRow.kind == "transfer", is_kept(self._limits.retention_s))
        query = query.order_by(JobRow.number.desc()).limit(limit)
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
            row = session.scalar(select(JobRow).where(JobRow.id == id).with_for_update())
            if row is not None and row.status == "queued":
                end(session, row, "canceled")
            elif row is not None and row.status == "running":
                row.cancel_requested = True
        return self.get(id)

    def delete(self, id: str) -> None:
        """Removes the row, which also takes the job from its worker. Raises NotFound."""
        with self._database.writing() as session:
            if not remove(session, [id]):
                raise NotFound(f"there is no transfer {id!r}")
            leave(session, [job_folder(id)])

    def waiting(self) -> int:
        """How many jobs wait."""
        with self._database.reading() as session:
            return session.scalar(select(func.count()).where(JobRow.status == "queued")) or 0


def remove(session: Session, ids: Collection[str]) -> list[str]:
    """Removes jobs and the keys that made them; gives the ids of those there were."""
    session.execute(delete(IdempotencyRow).where(IdempotencyRow.job_id.in_(ids)))
    return list(session.scalars(delete(JobRow).where(JobRow.id.in_(ids)).returning(JobRow.id)))


def _row(new: Submission, clock: float) -> JobRow:
    return JobRow(
        id=new.id,
        kind=new.kind,
        status="queued",
        request=new.request,
        owner=new.owner,
        priority=new.priority,
        deadline_at=None if new.deadline_s is None else clock + new.deadline_s,
        callback_url=new.callback_url,
        trace=new.trace,
        created_at=clock,
        bytes=new.bytes,
    )
