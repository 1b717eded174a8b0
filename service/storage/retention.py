"""The retention of what has ended: for how long callers still see it."""

from __future__ import annotations

import math

from sqlalchemy import ColumnElement, not_, true


def unless_expired(has_expired: ColumnElement[bool], retention_s: float) -> ColumnElement[bool]:
    """Return the condition that callers still see a row; with an infinite retention they always do."""
    return true() if math.isinf(retention_s) else not_(has_expired)
