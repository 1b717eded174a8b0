"""The outbox of webhooks: a row is written in the transaction that ends its job, and kept until it is delivered.

Each webhook is sent at least once. If its dispatcher dies after the answer and before the row is written, it is sent
again under the same id.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from service.storage.database import Database, now, read_clock
from service.storage.schema import DEFAULT_TENANT, DeliveryRow, JobRow

LEASE_S = 60.0  # seconds after which a claimed delivery is due again, unless its dispatcher has reported
BACKOFF_S = (2.0, 10.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)
"""Pauses in seconds after the first failure, the second, and so on."""
JITTER = 0.2  # random share added to a pause, so that one receiver's webhooks don't all come back at once
MAX_ERROR = 500  # characters of an error that are kept


@dataclass(frozen=True)
class Delivery:
    """A webhook to send now.

    Attributes:
        host: of the URL, with the port if it names one.
        payload: None where the row is damaged.
        attempts: how many were made, this one included.
        trace: the traceparent that its job came with.
    """

    id: str
    job_id: str
    url: str
    host: str
    payload: dict[str, Any] | None
    attempts: int
    trace: str | None = None


def enqueue(session: Session, job_id: str, url: str, payload: dict[str, Any], tenant: str = DEFAULT_TENANT) -> None:
    """Add a webhook to the transaction that ends its job."""
    clock = read_clock(session)
    session.add(
        DeliveryRow(
            id=f"msg_{uuid.uuid4().hex}",
            tenant=tenant,
            job_id=job_id,
            url=url,
            host=urlsplit(url).netloc.lower(),
            payload=payload,
            created_at=clock,
            due_at=clock,
        )
    )


def send_again(session: Session, job_id: str) -> bool:
    """Make the webhook of an ended job due now; return whether it is still kept.

    It keeps its id, by which receivers know what they have had. One that waits for its next attempt doesn't wait any
    longer, unless that is less than LEASE_S away: it may be under way.
    """
    row = session.scalar(select(DeliveryRow).where(DeliveryRow.job_id == job_id).with_for_update())
    if row is None:
        return False
    clock = read_clock(session)
    if row.due_at is None:
        row.attempts, row.delivered_at, row.error = 0, None, None
        row.due_at = clock
    elif row.due_at > clock + LEASE_S:
        row.due_at = clock
    return True


def forget_old(session: Session, retention_s: float) -> None:
    """Remove finished webhooks that were created more than `retention_s` seconds ago."""
    session.execute(
        delete(DeliveryRow).where(DeliveryRow.due_at.is_(None), DeliveryRow.created_at < now() - retention_s)
    )


class Deliveries:
    """The webhooks of ended jobs. Every method raises DatabaseError if the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, busy: Collection[str] = ()) -> Delivery | None:
        """Take the webhook that has been due longest, for `LEASE_S` seconds; None if none is due.

        Those to `busy` hosts stay where they are.
        """
        due = select(DeliveryRow).where(DeliveryRow.due_at <= now(), DeliveryRow.host.not_in(busy))
        due = due.order_by(DeliveryRow.due_at).limit(1)
        with self._database.reading() as session:
            if session.scalar(due) is None:
                return None
        with self._database.writing() as session:
            row = session.scalar(due.with_for_update(skip_locked=True))
            if row is None:
                return None
            row.due_at = read_clock(session) + LEASE_S
            row.attempts += 1
            trace = session.scalar(select(JobRow.trace).where(JobRow.id == row.job_id))
            return Delivery(row.id, row.job_id, row.url, row.host, row.payload, row.attempts, trace)

    def delivered(self, id: str) -> None:
        """Mark a webhook as delivered, even if another dispatcher is trying it now."""
        self._write(DeliveryRow.id == id, delivered_at=now(), due_at=None, error=None)

    def failed(self, id: str, attempts: int, error: str) -> None:
        """Plan the next attempt, if there is one left. Do nothing if a later attempt has begun."""
        pause = _pause(attempts)
        due_at = None if pause is None else now() + pause
        self._write(
            (DeliveryRow.id == id) & (DeliveryRow.attempts == attempts), due_at=due_at, error=error[:MAX_ERROR]
        )

    def given_up(self, id: str, error: str) -> None:
        """Mark a webhook as failed for good."""
        self._write(DeliveryRow.id == id, due_at=None, error=error[:MAX_ERROR])

    def of_job(self, job_id: str) -> dict[str, Any] | None:
        """Return a job's webhook as callers see it; None before the job has ended, or if it has no webhook."""
        with self._database.reading() as session:
            row = session.scalar(select(DeliveryRow).where(DeliveryRow.job_id == job_id))
        if row is None:
            return None
        ended = "delivered" if row.delivered_at is not None else "failed"
        status = ended if row.due_at is None else "pending"
        return {"url": row.url, "status": status, "attempts": row.attempts, "error": row.error}

    def _write(self, which: ColumnElement[bool], **values: Any) -> None:
        """Update webhooks that haven't been delivered."""
        with self._database.writing() as session:
            session.execute(update(DeliveryRow).where(which, DeliveryRow.delivered_at.is_(None)).values(values))


def _pause(attempts: int) -> float | None:
    """Return the seconds until the next attempt, after `attempts` of them; None after the last."""
    if attempts > len(BACKOFF_S):
        return None
    return BACKOFF_S[attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 - nobody gains by guessing it
