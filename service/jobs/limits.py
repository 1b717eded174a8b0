"""Limits on new jobs: in total, for one caller, and for one tenant."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from service.errors import LimitExceeded, QueueFull, TooManyJobs
from service.jobs.line import Line
from service.storage.quota import bounded_retry, bytes_of, check_quota
from service.storage.schema import WAITS, BatchRow, JobRow
from service.storage.tenant_amounts import AMOUNTS, ASKED_FOR, Amounts, amounts_in, check_stored
from service.storage.tenant_limits import NO_LIMITS, TenantLimits, cap_of_caller

MAX_ITEMS = 5000  # jobs of batches of one caller that wait: who waits is looked through for each place in the line
MAX_ALL_ITEMS = 20_000  # of all callers
UNKNOWN_S = 60.0  # seconds: Retry-After where nobody knows when a worker takes up a job


@dataclass(frozen=True)
class Limits:
    """Upper limits of the queue.

    Attributes:
        queue, caller: waiting jobs: in total, and of one caller; a batch is one.
        caller_bytes: bytes that one caller's files may take.
        retention_s: seconds for which an ended job is kept.
        tenant: those of a tenant that has no values of its own.
    """

    queue: int = 1000
    caller: int = 100
    caller_bytes: float = math.inf
    retention_s: float = math.inf
    tenant: TenantLimits = NO_LIMITS


@dataclass(frozen=True)
class Addition:
    """What a new job would add: a job of a tenant's caller, `bytes` of files, and `cost` megapixel-evaluations."""

    tenant: str
    owner: str
    bytes: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class Standing:
    """What a check found before a job is added.

    Attributes:
        room: bytes that may be added.
        amounts: what the tenant has, where that is limited.
    """

    room: float = math.inf
    amounts: Amounts | None = None


def check_limits(
    session: Session, limits: Limits, of_tenant: TenantLimits, new: Addition, line: Line, *, recent: Amounts | None
) -> Standing:
    """Raise LimitExceeded, QueueFull, TooManyJobs or NoSpace if a new job would be too much.

    `of_tenant` are the limits in force for the tenant. What it has is counted if there are any, unless it is given as
    `recent`. `line` says when fewer jobs will wait.
    """
    is_counted, amounts, room = of_tenant.on_what_is_there and not recent, recent, math.inf
    statement = _WAITING_AND_AMOUNTS if is_counted else _WAITING
    found = session.connection().execute(statement, {"owner": new.owner, "tenant": new.tenant}).one()
    if is_counted:
        amounts = amounts_in(found, new.tenant)
    if amounts:
        _check_waiting(session, amounts, of_tenant, new.tenant, line)
        _check_cost(amounts, of_tenant, new.cost)
        room = check_stored(session, amounts, of_tenant, new.bytes, limits.retention_s)
    cap = cap_of_caller(new.tenant, of_tenant.stored_mb, limits.caller_bytes)
    room = min(room, _check_caller(session, cap, new, amounts, limits.retention_s))
    if found.in_queue >= limits.queue:
        detail = f"{limits.queue} jobs wait already, and no more are accepted for now (NST_QUEUE_LIMIT)"
        raise QueueFull(detail, retry_after=_bounded(line.until_room(session)))
    if found.of_caller >= cap_of_caller(new.tenant, of_tenant.waiting_jobs, limits.caller):
        detail = f"{limits.caller} of your jobs wait already, as many as one caller may have (NST_CALLER_LIMIT)"
        retry_after = _bounded(line.until_room(session, owner=new.owner))
        raise TooManyJobs("waiting_jobs", limits.caller, found.of_caller, detail, retry_after=retry_after)
    return Standing(room, amounts)


def of_caller(session: Session, owner: str) -> tuple[int, int]:
    """Return how many jobs of a caller wait, and what its files take in bytes."""
    return session.execute(_WAITING, {"owner": owner}).one().of_caller, sum(bytes_of(session, owner).values())


def _check_caller(session: Session, cap: float, new: Addition, amounts: Amounts | None, retention_s: float) -> float:
    """Raise NoSpace if a job brings its caller above `cap` bytes; return the bytes that surely may be added."""
    if amounts and amounts.stored_bytes + new.bytes <= cap:  # a caller has no more than its tenant
        return cap - amounts.stored_bytes
    return check_quota(session, new.owner, new.bytes, cap, retention_s)


def _check_waiting(session: Session, amounts: Amounts, limits: TenantLimits, tenant: str, line: Line) -> None:
    if limits.waiting_jobs is None or (used := amounts.waiting_jobs) < limits.waiting_jobs:
        return
    detail = f"{used} of your jobs wait, and {limits.waiting_jobs} may"
    retry_after = _bounded(line.until_room(session, tenant=tenant))
    raise LimitExceeded("waiting_jobs", limits.waiting_jobs, used, detail, retry_after=retry_after)


def _check_cost(amounts: Amounts, limits: TenantLimits, more: float) -> None:
    """Raise LimitExceeded if a job is too costly for what is left of the day, or nothing is left."""
    if (value := limits.daily_cost) is None:
        return
    used = amounts.daily_cost
    if used < value and used + more <= value:
        return
    detail = f"your jobs of today cost {used:.6g} megapixel-evaluations of {value:.6g} a day"
    if more:
        detail += f"; this one would cost {more:.6g}"
    if more > value:
        detail += ", which is too much for any day"
    raise LimitExceeded("daily_cost", value, used, detail, retry_after=amounts.until_tomorrow)


_SINGLE = select(func.count()).where(WAITS, ASKED_FOR, JobRow.batch.is_(None))
_BATCHES = select(func.count()).where(BatchRow.finished_at.is_(None))  # each is one, however many of its jobs wait
_MINE = (_SINGLE.where(JobRow.owner == bindparam("owner")), _BATCHES.where(BatchRow.owner == bindparam("owner")))
_WAITING = select(
    (_SINGLE.scalar_subquery() + _BATCHES.scalar_subquery()).label("in_queue"),
    (_MINE[0].scalar_subquery() + _MINE[1].scalar_subquery()).label("of_caller"),
)
"""How many jobs wait: in all, and of a caller."""
_WAITING_AND_AMOUNTS = _WAITING.add_columns(*AMOUNTS)  # one statement takes 0.1 ms less than two


def check_items(session: Session, owner: str, more: int, line: Line) -> None:
    """Raise TooManyJobs if so many more jobs of batches are too many for one caller, QueueFull if for the service."""
    items = select(func.count()).where(WAITS, JobRow.batch.is_not(None))
    used = session.scalar(items.where(JobRow.owner == owner)) or 0
    if used + more > MAX_ITEMS:
        detail = f"{used} pictures of your batches wait, and {MAX_ITEMS} may; this batch would add {more}"
        retry_after = _bounded(line.until_begun(session, used + more - MAX_ITEMS, owner))
        raise TooManyJobs("batch_pictures", MAX_ITEMS, used, detail, retry_after=retry_after)
    total = session.scalar(items) or 0
    if total + more > MAX_ALL_ITEMS:
        detail = f"{total} pictures of batches wait, and {MAX_ALL_ITEMS} may; this batch would add {more}"
        raise QueueFull(detail, retry_after=_bounded(line.until_begun(session, total + more - MAX_ALL_ITEMS)))


def _bounded(seconds: float | None) -> float:
    return UNKNOWN_S if seconds is None else bounded_retry(seconds)
