"""The outbox of webhooks and finished pictures.

Each is a row, which is written in the transaction that ends its job, and kept until it is delivered. The webhook of a
job whose pictures are delivered waits for them. Each is sent at least once: if its dispatcher dies after the answer
and before the row is written, it is sent again under the same id.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from service.storage.database import Database, now, read_clock
from service.storage.records import PaintedPicture
from service.storage.row_locks import delete_unlocked, lock_jobs
from service.storage.schema import DEFAULT_TENANT, DeliveryRow, JobRow

LEASE_S = 60.0  # seconds after which a claimed webhook is due again, unless its dispatcher has reported
PICTURE_LEASE_S = 180.0  # seconds after which a claimed picture is
HELD = 1e12  # due_at of a webhook that waits for the pictures of its job, in seconds: some 30,000 years
BACKOFF_S = (2.0, 10.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)
"""Pauses in seconds after the first failure, the second, and so on."""
JITTER = 0.2  # random share added to a pause, so that one receiver's webhooks don't all come back at once
VARIANT = "{variant}"  # in the URL for pictures: the number of the picture
INDEX = "{index}"  # in that of a batch: the place of its content
PENDING = "pending"
MAX_ERROR = 500  # characters of an error that are kept
EXPIRED = "expired: the transfer was kept no longer (NST_RETENTION)"  # error of a picture that is given up for that


@dataclass(frozen=True)
class Delivery:
    """A webhook or a picture to send now.

    Attributes:
        tenant: whose it is.
        host: of the URL, without a port.
        payload: a webhook's; None where the row is damaged.
        attempts: how many were made, this one included.
        trace: the traceparent that its job came with.
        variant: which of the job's pictures it is; None for a webhook.
        headers: those that go with the picture.
        picture: the picture; None for a webhook, and where the job has no such picture any more.
    """

    id: str
    tenant: str
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
    def what(self) -> str:
        return "webhook" if self.variant is None else f"picture {self.variant}"


def enqueue(session: Session, job_id: str, url: str, payload: dict[str, Any], tenant: str = DEFAULT_TENANT) -> None:
    """Add a webhook to the transaction that ends its job or batch. It waits for the deliveries of its pictures."""
    clock = read_clock(session)
    row = _row(job_id, url, tenant, clock)
    row.payload = payload
    if _are_pending(session, job_id):
        row.due_at = HELD
    session.add(row)


def enqueue_pictures(session: Session, job: JobRow, pictures: int) -> None:
    """Add the deliveries of a job's pictures to the transaction that ends it; then the job holds no secret more."""
    to, job.deliver = job.deliver or {}, {}
    for variant in range(pictures):
        row = _row(job.id, to["url"].replace(VARIANT, str(variant)), job.tenant, read_clock(session))
        row.variant, row.headers = variant, to.get("headers") or {}
        session.add(row)
    session.flush()


def _row(job_id: str, url: str, tenant: str, clock: float) -> DeliveryRow:
    return DeliveryRow(
        id=f"msg_{uuid.uuid4().hex}",
        tenant=tenant,
        job_id=job_id,
        url=url,
        host=urlsplit(url).hostname or "",
        payload={},
        created_at=clock,
        due_at=clock,
    )


def _are_pending(session: Session, id: str) -> bool:
    """Return whether pictures of a job, or of a batch, are still to be delivered."""
    of_batch = DeliveryRow.job_id.in_(select(JobRow.id).where(JobRow.batch == id))
    pending = (DeliveryRow.variant.is_not(None), DeliveryRow.due_at.is_not(None))
    query = select(DeliveryRow.id).where(or_(DeliveryRow.job_id == id, of_batch), *pending)
    return session.scalar(query.limit(1)) is not None


def send_again(session: Session, job_id: str) -> bool:
    """Make the webhook of an ended job due now; return whether it is still kept.

    It keeps its id, by which receivers know what they have had. One that waits for its next attempt doesn't wait any
    longer, unless that is less than LEASE_S away: it may be under way.
    """
    row = session.scalar(select(DeliveryRow).where(_webhook(job_id)).with_for_update())
    if row is None or row.due_at == HELD:
        return row is not None
    clock = read_clock(session)
    if row.due_at is None:
        row.attempts, row.delivered_at, row.error = 0, None, None
        row.due_at = clock
    elif row.due_at > clock + LEASE_S:
        row.due_at = clock
    return True


def _webhook(job_id: str) -> ColumnElement[bool]:
    return and_(DeliveryRow.job_id == job_id, DeliveryRow.variant.is_(None))


def forget_pictures(session: Session, job_ids: Collection[str]) -> None:
    """Remove the deliveries of pictures of jobs that are removed, and the webhooks that wait for them."""
    waiting = or_(DeliveryRow.variant.is_not(None), DeliveryRow.due_at == HELD)
    session.execute(delete(DeliveryRow).where(DeliveryRow.job_id.in_(job_ids), waiting))


def expire_pictures(session: Session, ids: Collection[str]) -> int:
    """End the deliveries of the pictures of jobs and batches that expire, and let the webhooks go that wait for them.

    The jobs and batches are locked. Return how many pictures were not delivered.
    """
    jobs = select(JobRow.id).where(or_(JobRow.id.in_(ids), JobRow.batch.in_(ids)))
    pending = (DeliveryRow.job_id.in_(jobs), DeliveryRow.variant.is_not(None), DeliveryRow.due_at.is_not(None))
    ended = update(DeliveryRow).where(*pending).values(due_at=None, error=EXPIRED, url="", headers=None)
    found = session.scalars(ended.returning(DeliveryRow.job_id)).all()
    for id in sorted(set(found)):
        _let_webhooks_go(session, id)
    return len(found)


def forget_old(session: Session, retention_s: float) -> None:
    """Remove finished webhooks that were created more than `retention_s` seconds ago."""
    delete_unlocked(session, DeliveryRow, DeliveryRow.due_at.is_(None), DeliveryRow.created_at < now() - retention_s)


class Deliveries:
    """The webhooks and pictures of ended jobs. Every method raises DatabaseError if the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, hosts: Collection[str] = (), tenants: Collection[str] = ()) -> Delivery | None:
        """Take the message that has been due longest, for the seconds of its lease; None if none is due.

        Those to these `hosts`, and those of these `tenants`, stay where they are.
        """
        due = select(DeliveryRow).where(DeliveryRow.due_at <= now())
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
            return _delivery(row, job)

    def delivered(self, id: str) -> None:
        """Mark a message as delivered, even if another dispatcher is trying it now."""
        self._write(id, delivered_at=now(), due_at=None, error=None)

    def failed(self, id: str, attempts: int, error: str) -> None:
        """Plan the next attempt, if there is one left. Do nothing if a later attempt has begun."""
        pause = _pause(attempts)
        due_at = None if pause is None else now() + pause
        self._write(id, DeliveryRow.attempts == attempts, due_at=due_at, error=error[:MAX_ERROR])

    def given_up(self, id: str, error: str) -> None:
        """Mark a message as failed for good."""
        self._write(id, due_at=None, error=error[:MAX_ERROR])

    def of_job(self, id: str) -> dict[str, Any] | None:
        """Return the webhook of a job as `of_jobs` does; None if there is none (yet)."""
        return self.of_jobs([id]).get(id)

    def of_jobs(self, ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return the webhooks of jobs and batches as callers see them, of those that have ended and have one."""
        if not ids:
            return {}
        theirs = select(DeliveryRow).where(DeliveryRow.job_id.in_(ids), DeliveryRow.variant.is_(None))
        with self._database.reading() as session:
            return {row.job_id: {"url": row.url} | _state([row]) for row in session.scalars(theirs)}

    def of_pictures(self, jobs: Collection[JobRow]) -> dict[str, dict[str, Any]]:
        """Return how far the deliveries of pictures are, for each of these jobs that has some."""
        ids = [job.id for job in jobs if job.deliver is not None]
        if not ids:
            return {}
        with self._database.reading() as session:
            return _states_of_pictures(session, ids)

    def _write(self, id: str, *which: ColumnElement[bool], **values: Any) -> None:
        """Update a message that hasn't been delivered; the last of a job's pictures lets its webhook go."""
        of_picture = select(DeliveryRow.job_id).where(DeliveryRow.id == id, DeliveryRow.variant.is_not(None))
        changed = update(DeliveryRow).where(DeliveryRow.id == id, DeliveryRow.delivered_at.is_(None), *which)
        with self._database.writing() as session:
            job_id = session.scalar(of_picture) if values["due_at"] is None else None
            if job_id is not None:
                lock_jobs(session, JobRow.id == job_id)  # before the message; of two last pictures one waits
                values |= {"url": "", "headers": None}
            if session.scalar(changed.values(values).returning(DeliveryRow.id)) and job_id is not None:
                _let_webhooks_go(session, job_id)


def _delivery(row: DeliveryRow, job: JobRow | None) -> Delivery:
    result = job.transfer_result if job else None
    pictures = result.pictures if result else ()
    picture = pictures[row.variant] if row.variant is not None and row.variant < len(pictures) else None
    return Delivery(
        row.id,
        row.tenant,
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


def _let_webhooks_go(session: Session, job_id: str) -> None:
    """Make the webhooks of a job and of its batch due, once none of their pictures is left to deliver.

    Both are locked.
    """
    batch = session.scalar(select(JobRow.batch).where(JobRow.id == job_id))
    state = _states_of_pictures(session, [job_id]).get(job_id)
    if state is not None and state["status"] != PENDING:
        _let_go(session, job_id, {"delivery": state})
    if batch is not None:
        let_batch_go(session, batch)


def let_batch_go(session: Session, id: str) -> None:
    """Make the webhook of a locked batch due, if there is one and none of its pictures is left to deliver."""
    if not _are_pending(session, id):
        _let_go(session, id, {})


def _let_go(session: Session, id: str, more: dict[str, Any]) -> None:
    held = select(DeliveryRow).where(_webhook(id), DeliveryRow.due_at == HELD)
    webhook = session.scalar(held.with_for_update())
    if webhook is not None:
        webhook.due_at = read_clock(session)
        webhook.payload = webhook.payload | {"data": webhook.payload["data"] | more}


def _states_of_pictures(session: Session, job_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    query = select(DeliveryRow).where(DeliveryRow.job_id.in_(job_ids), DeliveryRow.variant.is_not(None))
    found: dict[str, list[DeliveryRow]] = {}
    for row in session.scalars(query.order_by(DeliveryRow.variant)):
        found.setdefault(row.job_id, []).append(row)
    return {id: _state(rows) for id, rows in found.items()}


def _state(rows: Sequence[DeliveryRow]) -> dict[str, Any]:
    """Return the state of messages together: pending while one is, then failed if one has."""
    if any(row.due_at is not None for row in rows):
        status = PENDING
    else:
        status = "delivered" if all(row.delivered_at is not None for row in rows) else "failed"
    error = next((row.error for row in rows if row.error), None)
    return {"status": status, "attempts": sum(row.attempts for row in rows), "error": error}


def _pause(attempts: int) -> float | None:
    """Return the seconds until the next attempt, after `attempts` of them; None after the last."""
    if attempts > len(BACKOFF_S):
        return None
    return BACKOFF_S[attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 - nobody gains by guessing it
