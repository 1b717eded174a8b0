"""Limits on waiting jobs: in total, and for one caller."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.errors import QueueFull, TooManyJobs
from service.jobs.registry import count_alive
from service.storage.kinds import JUDGE
from service.storage.quota import check_quota
from service.storage.schema import JobRow

RECENT = 10  # ended jobs whose duration gives the estimate
SHORTEST_S, LONGEST_S = 1.0, 60.0  # seconds: bounds of Retry-After


@dataclass(frozen=True)
class Limits:
    """Upper limits of the queue.

    Attributes:
        queue, caller: waiting jobs: in total, and of one caller.
        caller_bytes: bytes that one caller's files may take.
        retention_s: seconds for which an ended job is kept.
    """

    queue: int = 1000
    caller: int = 100
    caller_bytes: float = math.inf
    retention_s: float = math.inf


def check_limits(session: Session, limits: Limits, owner: str, more: int = 0) -> None:
    """Raise QueueFull or TooManyJobs if one more job would be too many, NoSpace if `more` bytes would be."""
    check_quota(session, owner, more, limits.caller_bytes)
    waiting = select(func.count()).where(JobRow.status == "queued", JobRow.kind != JUDGE)  # which nobody asked for
    if (session.scalar(waiting) or 0) >= limits.queue:
        detail = f"jobs that wait: {limits.queue} (NST_QUEUE_LIMIT), no more are taken in for now"
        raise QueueFull(detail, retry_after=_until_room(session))
    if (session.scalar(waiting.where(JobRow.owner == owner)) or 0) >= limits.caller:
        detail = f"your jobs that wait: {limits.caller}, which is as many as one caller may have (NST_CALLER_LIMIT)"
        raise TooManyJobs(detail, retry_after=_until_room(session))


def _until_room(session: Session) -> float:
    """Estimate the seconds until a worker takes up another job, from how long the last ones took."""
    took = select(JobRow.finished_at - JobRow.started_at).where(JobRow.finished_at > JobRow.started_at)
    recent = took.order_by(JobRow.finished_at.desc()).limit(RECENT).subquery()
    mean = session.scalar(select(func.avg(recent.c[0]))) or SHORTEST_S
    workers = max(1, count_alive(session))
    return float(min(LONGEST_S, max(SHORTEST_S, mean / workers)))
