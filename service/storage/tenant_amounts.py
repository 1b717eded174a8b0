"""What a tenant has, as its limits count it: jobs, their cost, bytes and presets.

A check takes part in the transaction that adds something, under the lock of all who add the like: so many requests
at once can't pass a limit together.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, and_, bindparam, func, literal_column, or_, select
from sqlalchemy.orm import Session

from service.errors import LimitExceeded
from service.machine.memory import MIB
from service.storage.database import now, today
from service.storage.kinds import FOLLOWING
from service.storage.preset_schema import PresetRow
from service.storage.quota import ADVICE, sums, until_less
from service.storage.schema import BatchRow, JobRow
from service.storage.tenant_limits import TenantLimits
from service.storage.tenant_schema import UsageRow

DAY_S = 86_400.0
SUBMIT_LOCK = "submit"
"""Of those who add jobs. Who adds files of other kinds takes it too: after a lock of its own, and before any row."""


@dataclass(frozen=True)
class Amounts:
    """What a tenant has at one moment.

    Attributes:
        tenant: whose it is.
        clock: the moment, in seconds since 1970.
        waiting_jobs: jobs that wait; a batch that hasn't ended is one. Tasks that measure losses don't count: nobody
            asked for them.
        running_jobs: jobs that run.
        daily_cost: megapixel-evaluations of the jobs that ended today (UTC), and of those that wait or run, with all
            of their style pictures and of reading their files.
        stored_bytes: what its jobs, batches, webhooks, presets and their former states count
            (service.storage.counted), what they left and isn't removed yet, and what the results of unfinished jobs
            may take.
        presets: those that it saved. Presets that came with the service have no owner, and don't count.
    """

    tenant: str
    clock: float
    waiting_jobs: int
    running_jobs: int
    daily_cost: float
    stored_bytes: int
    presets: int

    def with_job(self, cost: float, stored: int) -> Amounts:
        """Return what it has with one more job that waits, of this cost and with so many bytes."""
        return replace(
            self,
            waiting_jobs=self.waiting_jobs + 1,
            daily_cost=self.daily_cost + cost,
            stored_bytes=self.stored_bytes + stored,
        )

    @property
    def until_tomorrow(self) -> float:
        """The seconds until the next day begins in UTC."""
        return DAY_S - self.clock % DAY_S


def amounts_of(session: Session, tenant: str) -> Amounts:
    """Return what a tenant has now, as far as it was written, by one statement."""
    row = session.connection().execute(_AMOUNTS, {"tenant": tenant}).one()  # the session itself takes twice as long
    return amounts_in(row, tenant)


def amounts_in(found: Row[Any], tenant: str) -> Amounts:
    """Return what a tenant has, from a row with the columns AMOUNTS."""
    return Amounts(
        tenant,
        found.clock,
        found.waiting + found.batches,
        found.running,
        (found.planned_cost or 0.0) + (found.style_cost or 0.0) + (found.ended_cost or 0.0),
        int(found.stored),
        found.presets,
    )


_MINE = JobRow.tenant == bindparam("tenant")
# SQLite prepares a statement anew for each execution where a parameter may decide which partial index it uses.
_WAITS, _RUNS = (JobRow.status == literal_column(f"'{status}'") for status in ("queued", "running"))
ASKED_FOR = and_(*(JobRow.kind != literal_column(f"'{kind}'") for kind in FOLLOWING))
_UNFINISHED = select(func.count()).where(BatchRow.tenant == bindparam("tenant"), BatchRow.finished_at.is_(None))
_TODAY = (UsageRow.tenant == bindparam("tenant"), UsageRow.day == select(today()).scalar_subquery())


def _jobs(result: ColumnElement[Any], *which: ColumnElement[bool]) -> ScalarSelect[Any]:
    return select(result).where(_MINE, *which).scalar_subquery()


AMOUNTS = (
    now().label("clock"),
    _jobs(func.count(), _WAITS, ASKED_FOR, JobRow.batch.is_(None)).label("waiting"),
    _UNFINISHED.scalar_subquery().label("batches"),
    _UNFINISHED.with_only_columns(func.sum(BatchRow.style_cost)).scalar_subquery().label("style_cost"),
    _jobs(func.count(), _RUNS).label("running"),
    _jobs(func.sum(JobRow.cost + JobRow.style_cost), or_(_WAITS, _RUNS)).label("planned_cost"),
    select(UsageRow.megapixel_evaluations).where(*_TODAY).scalar_subquery().label("ended_cost"),
    select(func.count())
    .where(PresetRow.tenant == bindparam("tenant"), PresetRow.owner != "")
    .scalar_subquery()
    .label("presets"),
    reduce(operator.add, (func.coalesce(total.scalar_subquery(), 0) for total in sums("tenant"))).label("stored"),
)
"""Columns of a statement about one `tenant`, which `amounts_in` reads."""

_AMOUNTS = select(*AMOUNTS)  # built once: SQLAlchemy takes longer to build it than SQLite to answer it


def check_stored(
    session: Session, amounts: Amounts, limits: TenantLimits, more: int, retention_s: float = math.inf
) -> float:
    """Raise LimitExceeded if `more` bytes would be too many; what has ended is kept for `retention_s`.

    Return the bytes that may be added.
    """
    if limits.stored_mb is None:
        return math.inf
    used = amounts.stored_bytes
    if more > 0 and used + more > limits.stored_mb * MIB:
        may_ever = more <= limits.stored_mb * MIB
        raise LimitExceeded(
            "stored_mb",
            limits.stored_mb,
            used / MIB,
            f"your files may take {limits.stored_mb:g} MiB; they take {used / MIB:.1f}, with results to come, and "
            f"this would add {more / MIB:.1f}: {ADVICE}",
            retry_after=until_less(session, "tenant", amounts.tenant, retention_s) if may_ever else None,
        )
    return limits.stored_mb * MIB - used


def check_presets(amounts: Amounts, limits: TenantLimits) -> None:
    """Raise LimitExceeded if one more preset would be too many."""
    if limits.presets is not None and (used := amounts.presets) >= limits.presets:
        detail = f"you may have {limits.presets} presets, and have {used}: delete one with DELETE /v1/styles/NAME"
        raise LimitExceeded("presets", limits.presets, used, detail)
