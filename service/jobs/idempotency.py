"""`Idempotency-Key`: a caller that repeats a POST with the same key gets the job that the first one made."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.errors import InvalidInput
from service.jobs.expiry import batch_is_kept, is_kept
from service.storage.database import now, read_clock
from service.storage.row_locks import delete_unlocked
from service.storage.schema import BatchRow, IdempotencyRow, JobRow

KEPT_S = 86_400.0  # seconds for which a key is remembered
HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"  # header of the answer to a repeat: true


@dataclass(frozen=True)
class RepeatKey:
    """A caller's key, and the digest of the body that it came with; `former` is the one that earlier versions stored.

    For KEPT_S after an upgrade a key may come again that was stored before it.
    """

    owner: str
    key: str
    digest: str
    former: str = ""


def repeated(session: Session, key: RepeatKey | None, retention_s: float) -> JobRow | None:
    """Return the job that the key made; None if the key is new or too old, or if its job is gone or has expired.

    Raises:
        InvalidInput: the key came with a different body.
    """
    found = _made(session, key, retention_s)
    return found if isinstance(found, JobRow) else None


def repeated_batch(session: Session, key: RepeatKey | None, retention_s: float) -> BatchRow | None:
    """Return the batch that the key made. Returns and raises as `repeated`."""
    found = _made(session, key, retention_s)
    return found if isinstance(found, BatchRow) else None


def _made(session: Session, key: RepeatKey | None, retention_s: float) -> JobRow | BatchRow | None:
    if key is None:
        return None
    row = session.get(IdempotencyRow, (key.owner, key.key))
    if row is None or row.created_at < read_clock(session) - KEPT_S:
        return None
    made: JobRow | BatchRow | None = session.scalar(
        select(JobRow).where(JobRow.id == row.job_id, is_kept(retention_s))
    ) or session.scalar(select(BatchRow).where(BatchRow.id == row.job_id, batch_is_kept(retention_s)))
    if made is not None and row.digest not in (key.digest, key.former):
        raise InvalidInput.field(HEADER, "was used with another body; take a new key for a new request")
    return made


def remember(session: Session, key: RepeatKey | None, job_id: str) -> None:
    """Store the key with the job that it made."""
    if key is not None:
        created_at = read_clock(session)
        row = IdempotencyRow(owner=key.owner, key=key.key, digest=key.digest, job_id=job_id, created_at=created_at)
        session.merge(row)


def forget_old(session: Session) -> None:
    """Remove the keys that no longer count."""
    delete_unlocked(session, IdempotencyRow, IdempotencyRow.created_at < now() - KEPT_S)
