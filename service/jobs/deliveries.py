"""Webhooks that are to be delivered: rows, written with the end of their job, and kept until that is done.

Each is sent at least once: one whose dispatcher dies between the answer and the row is sent again, under the same id.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from service.storage.database import Database, now, read_clock
from service.storage.schema import DeliveryRow, JobRow

LEASE_S = 60.0  # seconds after which a delivery whose dispatcher said nothing is due again
BACKOFF_S = (2.0, 10.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)  # pauses after the first failure and so on
JITTER = 0.2  # share of a pause that it may be longer, lest all of a receiver's come back at once
MAX_ERROR = 500  # characters of an error that are kept


@dataclass(frozen=True)
class Delivery:
    """A webhook to be sent now. `attempts` counts this one; `trace` is the traceparent that its job came with."""

    id: str
    job_id: str
    url: str
    payload: dict[str, Any]
    attempts: int
    trace: str | None = None


def enqueue(session: Session, job_id: str, url: str, payload: dict[str, Any]) -> None:
    """Adds a webhook to the transaction that it tells of."""
    clock = read_clock(session)
    session.add(
        DeliveryRow(
            id=f"msg_{uuid.uuid4().hex}", job_id=job_id, url=url, payload=payload, created_at=clock, due_at=clock
        )
    )


def forget_old(session: Session, retention_s: float) -> None:
    """Removes webhooks that are over, `retention_s` after they came about."""
    session.execute(
        delete(DeliveryRow).where(DeliveryRow.due_at.is_(None), DeliveryRow.created_at < now() - retention_s)
    )


class Deliveries:
    """The webhooks of ended jobs. Every method raises DatabaseError if the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self) -> Delivery | None:
        """Takes the one that has been due longest, for `LEASE_S`; None where there is none."""
        due = select(DeliveryRow).where(DeliveryRow.due_at <= now()).order_by(DeliveryRow.due_at).limit(1)
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
            return Delivery(row.id, row.job_id, row.url, row.payload, row.attempts, trace)

    def delivered(self, id: str) -> None:
        """Ends it well, also where another dispatcher tries it meanwhile."""
        self._write(DeliveryRow.id == id, delivered_at=now(), due_at=None, error=None)

    def failed(self, id: str, attempts: int, error: str) -> None:
        """Sets the time of the next attempt, if there is to be one; nothing if a later attempt has begun."""
        pause = _pause(attempts)
        due_at = None if pause is None else now() + pause
        self._write(
            (DeliveryRow.id == id) & (DeliveryRow.attempts == attempts), due_at=due_at, error=error[:MAX_ERROR]
        )

    def given_up(self, id: str, error: str) -> None:
        """Ends it badly."""
        self._write(DeliveryRow.id == id, due_at=None, error=error[:MAX_ERROR])

    def of_job(self, job_id: str) -> dict[str, Any] | None:
        """A job's webhook as its callers see it; None while the job hasn't ended, or where it has none."""
        with self._database.reading() as session:
            row = session.scalar(select(DeliveryRow).where(DeliveryRow.job_id == job_id))
        if row is None:
            return None
        ended = "delivered" if row.delivered_at is not None else "failed"
        status = ended if row.due_at is None else "pending"
        return {"url": row.url, "status": status, "attempts": row.attempts, "error": row.error}

    def _write(self, which: ColumnElement[bool], **values: Any) -> None:
        """Writes to a webhook that hasn't been delivered."""
        with self._database.writing() as session:
            session.execute(update(DeliveryRow).where(which, DeliveryRow.delivered_at.is_(None)).values(values))


def _pause(attempts: int) -> float | None:
    """Seconds until the next attempt after so many; None after the last."""
    if attempts > len(BACKOFF_S):
        return None
    return BACKOFF_S[attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 - nobody gains by guessing it
