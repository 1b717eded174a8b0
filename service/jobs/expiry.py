"""The retention of ended jobs: an expired job is hidden from callers, even before it is swept up."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists

from service.storage.database import now
from service.storage.records import ENDED
from service.storage.retention import unless_expired
from service.storage.schema import BatchRow, JobRow


def has_expired(retention_s: float) -> ColumnElement[bool]:
    """Return the condition that a job ended more than `retention_s` seconds ago, and that its batch has ended."""
    unfinished = exists().where(BatchRow.id == JobRow.batch, BatchRow.finished_at.is_(None))
    ended = and_(JobRow.status.in_(ENDED), JobRow.finished_at < now() - retention_s)
    return and_(ended, ~unfinished.correlate_except(BatchRow))


def is_kept(retention_s: float) -> ColumnElement[bool]:
    """Return the condition that callers still see a job."""
    return unless_expired(has_expired(retention_s), retention_s)


def batch_has_expired(retention_s: float) -> ColumnElement[bool]:
    """Return the condition that a batch ended more than `retention_s` seconds ago."""
    return and_(BatchRow.finished_at.is_not(None), BatchRow.finished_at < now() - retention_s)


def batch_is_kept(retention_s: float) -> ColumnElement[bool]:
    """Return the condition that callers still see a batch."""
    return unless_expired(batch_has_expired(retention_s), retention_s)
