"""The dispatchers' side of the outbox: a message is claimed under a lease, sent, and tried again.

Each is sent at least once: if its dispatcher dies after the answer and before the row is written, it is sent again
under the same id. `service.jobs.outbox` has what writes messages.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, case, delete, select, union_all, update
from sqlalchemy.orm import Session

from service.jobs.outbox import EMPTIED, LEASE_S, let_webhooks_go, state_of, states_of_pictures
from service.storage.database import Database, now, read_clock
from service.storage.records import PaintedPicture
from service.storage.row_locks import lock_jobs
from service.storage.schema import DEFAULT_TENANT, BatchRow, DeliveryRow, JobRow
from service.storage.tenant_schema import TenantRow

PICTURE_LEASE_S = 180.0  # seconds after which a claimed picture is due again
BACKOFF_S = (2.0, 10.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)
"""Pauses in seconds after the first failure, the second, and so on."""
JITTER = 0.2  # random share added to a pause, so that one receiver's webhooks don't all come back at once
MAX_ERROR = 500  # characters of an error that are kept
_DUE = select(DeliveryRow.id).where(DeliveryRow.due_at <= now()).limit(1)  # made once: idle dispatchers ask often


@dataclass(frozen=True)
class Delivery:
    """A webhook or a picture to send now.

    Attributes:
        tenant: whose it is.
        tenant_made_at: when that was made; None for the tenant "default".
        host: of the URL, with its port.
        payload: a webhook's; None where the row is damaged.
        attempts: how many were made, this one included.
        trace: the traceparent that its job came with.
        variant: which of the job's pictures it is; None for a webhook.
        headers: those that go with the picture.
        picture: the picture; None for a webhook, and where the job has no such picture any more.
    """

    id: str
    tenant: str
    tenant_made_at: float | None
    job_id: str
    url: str
    host: str
    payload: dict[str, Any] | None
    attempts: int
    trace: str | None = None
    variant: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    picture: PaintedPicture | None = None

    @property
    def is_picture(self) -> bool:
        return self.variant is not None

    @property
    def what(self) -> str:
        return f"picture {self.variant}" if self.is_picture else "webhook"


class Deliveries:
    """The webhooks and pictures of ended jobs. Every method raises DatabaseError if the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, hosts: Collection[str] = (), tenants: Collection[str] = (), *, pictures: bool | None = None
    ) -> Delivery | None:
        """Take the message that has been due longest, for the seconds of its lease; None if none is due.

        Those to these `hosts`, and those of these `tenants`, stay where they are. With `pictures` it is a picture,
        and a webhook where that is False.
        """
        with self._database.reading() as session:
            if session.scalar(_DUE) is None:
                return None
        due = select(DeliveryRow).where(DeliveryRow.due_at <= now())
        if pictures is not None:
            due = due.where(DeliveryRow.variant.is_not(None) if pictures else DeliveryRow.variant.is_(None))
        due = due.where(DeliveryRow.host.not_in(hosts), DeliveryRow.tenant.not_in(tenants))
        due = due.order_by(DeliveryRow.due_at).limit(1)
        with self._database.reading() as session:
            if session.scalar(due) is None:
                return None
        with self._database.writing() as session:
            row = session.scalar(due.with_for_update(skip_locked=True))
            if row is None:
                return None
            row.due_at = read_clock(session) + (LEASE_S if row.variant is None else PICTURE_LEASE_S)
            row.attempts += 1
            job = session.scalar(select(JobRow).where(JobRow.id == row.job_id))
            tenant = None if row.tenant == DEFAULT_TENANT else session.get(TenantRow, row.tenant)
            return _delivery(row, job, tenant)

    def delivered(self, id: str) -> None:
        """Mark a message as delivered, even if another dispatcher is trying it now."""
        made = case((DeliveryRow.attempts == 0, 1), else_=DeliveryRow.attempts)  # counted anew during this one
        self._end(id, delivered_at=now(), error=None, attempts=made)

    def failed(self, id: str, attempts: int, error: str) -> None:
        """Plan the next attempt, if there is one left. Do nothing if a later one has begun, or the count anew."""
        pause, newest, told = _pause(attempts), DeliveryRow.attempts == attempts, error[:MAX_ERROR]
        if pause is None:
            self._end(id, newest, error=told)
            return
        with self._database.writing() as session:
            next_one = update(DeliveryRow).where(*_undelivered(id), newest)
            session.execute(next_one.values(due_at=now() + pause, error=told))

    def give_back(self, id: str, attempts: int) -> None:
        """Have a message due at once whose claimed attempt was not made. Do nothing where `failed` does nothing."""
        unsent = update(DeliveryRow).where(*_undelivered(id), DeliveryRow.attempts == attempts)
        with self._database.writing() as session:
            session.execute(unsent.values(attempts=attempts - 1, due_at=now()))

    def given_up(self, id: str, attempts: int, error: str) -> None:
        """Mark a message as failed for good. Do nothing where `failed` does nothing."""
        self._end(id, DeliveryRow.attempts == attempts, error=error[:MAX_ERROR])

    def of_job(self, id: str) -> dict[str, Any] | None:
        """Return the webhook of a job as `of_jobs` does; None if there is none (yet)."""
        return self.of_jobs([id]).get(id)

    def of_jobs(self, ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return the webhooks of jobs and batches as callers see them, of those that have ended and have one."""
        if not ids:
            return {}
        theirs = select(DeliveryRow).where(DeliveryRow.job_id.in_(ids), DeliveryRow.variant.is_(None))
        with self._database.reading() as session:
            return {row.job_id: {"url": row.url} | state_of([row]) for row in session.scalars(theirs)}

    def of_pictures(self, jobs: Collection[JobRow]) -> dict[str, dict[str, Any]]:
        """Return how far the deliveries of pictures are, for each of these jobs that has some."""
        ids = [job.id for job in jobs if job.deliver is not None]
        if not ids:
            return {}
        with self._database.reading() as session:
            return states_of_pictures(session, ids)

    def _end(self, id: str, *which: ColumnElement[bool], **values: Any) -> None:
        """End a message that hasn't been delivered, or remove it where its job is gone.

        The last of a job's pictures lets the job's webhook go.
        """
        with self._database.writing() as session:
            columns = select(DeliveryRow.job_id, DeliveryRow.variant)
            found = session.execute(columns.where(DeliveryRow.id == id)).first()
            if found is None:
                return
            # The job before the message; of two last pictures one waits.
            lock_jobs(session, JobRow.id == found.job_id, batches=[found.job_id])
            if not _exists(session, found.job_id):
                session.execute(delete(DeliveryRow).where(*_undelivered(id), *which))
                return
            is_picture = found.variant is not None
            values |= {"due_at": None} | (EMPTIED if is_picture else {})
            ended = update(DeliveryRow).where(*_undelivered(id), *which).values(values)
            if session.scalar(ended.returning(DeliveryRow.id)) and is_picture:
                let_webhooks_go(session, found.job_id)


def _undelivered(id: str) -> tuple[ColumnElement[bool], ...]:
    return DeliveryRow.id == id, DeliveryRow.delivered_at.is_(None)


def _exists(session: Session, id: str) -> bool:
    """Return whether there is still a job or a batch of this id."""
    found = union_all(select(JobRow.id).where(JobRow.id == id), select(BatchRow.id).where(BatchRow.id == id))
    return session.scalar(found) is not None


def _delivery(row: DeliveryRow, job: JobRow | None, tenant: TenantRow | None) -> Delivery:
    result = job.transfer_result if job else None
    pictures = result.pictures if result else ()
    picture = pictures[row.variant] if row.variant is not None and row.variant < len(pictures) else None
    return Delivery(
        row.id,
        row.tenant,
        tenant.created_at if tenant else None,
        row.job_id,
        row.url,
        row.host,
        row.payload,
        row.attempts,
        job.trace if job else None,
        row.variant,
        row.headers or {},
        picture,
    )


def _pause(attempts: int) -> float | None:
    """Return the seconds until the next attempt, after `attempts` of them; None after the last."""
    if attempts > len(BACKOFF_S):
        return None
    return BACKOFF_S[attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 - nobody gains by guessing it
