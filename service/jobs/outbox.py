"""The outbox: messages to other hosts, as the transactions write them that end, change or remove jobs.

Each webhook and each finished picture is a row, which is written in the transaction that ends its job, and kept until
it is delivered. The webhook of a job whose pictures are delivered waits for them.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from service.authority import DEFAULT_PORTS
from service.storage.counted import ROW, row_bytes
from service.storage.database import now, read_clock
from service.storage.row_locks import delete_unlocked
from service.storage.schema import BatchRow, DeliveryRow, JobRow

LEASE_S = 60.0  # seconds after which a claimed webhook is due again, unless its dispatcher has reported
HELD = 1e12  # due_at of a webhook that waits for the pictures of its job, in seconds: some 30,000 years
VARIANT = "{variant}"  # in the URL for pictures: the number of the picture
INDEX = "{index}"  # in that of a batch: the place of its content
PENDING = "pending"
EXPIRED = "expired: the transfer was kept no longer (NST_RETENTION)"  # error of a picture that is given up for that
EMPTIED = {"url": "", "headers": None, "bytes": ROW}  # of a picture that is over: there may be a password in them


def enqueue(session: Session, of: JobRow | BatchRow, url: str, payload: dict[str, Any]) -> None:
    """Add a webhook to the transaction that ends its job or batch. It waits for the deliveries of its pictures."""
    row = _row(of, url, read_clock(session))
    row.payload = payload
    row.bytes = row_bytes(url, payload)
    if _are_pending(session, of.id):
        row.due_at = HELD
    session.add(row)


def enqueue_pictures(session: Session, job: JobRow, pictures: int) -> None:
    """Add the deliveries of a job's pictures to the transaction that ends it; then the job holds no secret more."""
    to, job.deliver = job.deliver or {}, {}
    for variant in range(pictures):
        row = _row(job, to["url"].replace(VARIANT, str(variant)), read_clock(session))
        row.variant, row.headers = variant, to.get("headers") or {}
        row.bytes = row_bytes(row.url, row.headers)
        session.add(row)
    session.flush()


def _row(of: JobRow | BatchRow, url: str, clock: float) -> DeliveryRow:
    target = urlsplit(url)
    return DeliveryRow(
        id=f"msg_{uuid.uuid4().hex}",
        tenant=of.tenant,
        owner=of.owner,
        job_id=of.id,
        url=url,
        host=f"{target.hostname}:{target.port or DEFAULT_PORTS[target.scheme]}",
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
    longer, unless that is less than LEASE_S away: it may be under way. If it is, and fails, the next one follows when
    its lease ends: as the count begins anew, the failure is that of an attempt before.
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
    else:
        row.attempts, row.error = 0, None
    return True


def _webhook(job_id: str) -> ColumnElement[bool]:
    return and_(DeliveryRow.job_id == job_id, DeliveryRow.variant.is_(None))


def forget(session: Session, ids: Collection[str]) -> None:
    """Remove the messages of jobs and batches that are removed, but for the webhooks that are due.

    Those stay until they are over: the end of a job that has ended is told.
    """
    done = or_(DeliveryRow.variant.is_not(None), DeliveryRow.due_at.is_(None), DeliveryRow.due_at == HELD)
    session.execute(delete(DeliveryRow).where(DeliveryRow.job_id.in_(ids), done))


def expire_pictures(session: Session, ids: Collection[str]) -> int:
    """End the deliveries of the pictures of jobs and batches that expire, and let the webhooks go that wait for them.

    The jobs and batches are locked. Return how many pictures were not delivered.
    """
    jobs = select(JobRow.id).where(or_(JobRow.id.in_(ids), JobRow.batch.in_(ids)))
    pending = (DeliveryRow.job_id.in_(jobs), DeliveryRow.variant.is_not(None), DeliveryRow.due_at.is_not(None))
    ended = update(DeliveryRow).where(*pending).values(due_at=None, error=EXPIRED, **EMPTIED)
    found = session.scalars(ended.returning(DeliveryRow.job_id)).all()
    for id in sorted(set(found)):
        let_webhooks_go(session, id)
    return len(found)


def forget_old(session: Session, retention_s: float) -> None:
    """Remove finished webhooks that were created more than `retention_s` seconds ago."""
    delete_unlocked(session, DeliveryRow, DeliveryRow.due_at.is_(None), DeliveryRow.created_at < now() - retention_s)


def let_webhooks_go(session: Session, job_id: str) -> None:
    """Make the webhooks of a job and of its batch due, once none of their pictures is left to deliver.

    Both are locked.
    """
    batch = session.scalar(select(JobRow.batch).where(JobRow.id == job_id))
    state = states_of_pictures(session, [job_id]).get(job_id)
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
        webhook.bytes = row_bytes(webhook.url, webhook.payload)


def states_of_pictures(session: Session, job_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    query = select(DeliveryRow).where(DeliveryRow.job_id.in_(job_ids), DeliveryRow.variant.is_not(None))
    found: dict[str, list[DeliveryRow]] = {}
    for row in session.scalars(query.order_by(DeliveryRow.variant)):
        found.setdefault(row.job_id, []).append(row)
    return {id: state_of(rows) for id, rows in found.items()}


def state_of(rows: Sequence[DeliveryRow]) -> dict[str, Any]:
    """Return the state of messages together: pending while one is, then failed if one has."""
    if any(row.due_at is not None for row in rows):
        status = PENDING
    else:
        status = "delivered" if all(row.delivered_at is not None for row in rows) else "failed"
    error = next((row.error for row in rows if row.error), None)
    return {"status": status, "attempts": sum(row.attempts for row in rows), "error": error}
