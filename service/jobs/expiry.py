"""When an ended job is past its time: from then on callers don't see it, whether it has been swept up or not."""

from __future__ import annotations

import math

from sqlalchemy import ColumnElement, and_, not_, true

from service.storage.database import now
from service.storage.schema import ENDED, JobRow


def has_expired(retention_s: float) -> ColumnElement[bool]:
    """The condition that a job ended more than `retention_s` ago."""
    return and_(JobRow.status.in_(ENDED), JobRow.finished_at < now() - retention_s)


def is_kept(retention_s: float) -> ColumnElement[bool]:
    """The condition that a job is still there for its callers."""
    return true() if math.isinf(retention_s) else not_(has_expired(retention_s))
