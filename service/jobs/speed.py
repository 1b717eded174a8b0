"""How long jobs of known cost take here: the speed of each lane, from the jobs that ended lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.storage.kinds import SCORE, TRANSFER
from service.storage.schema import JobRow
from service.storage.typed_json import amount_in

RECENT = 50  # ended jobs whose times give the speed
LOOKED_AT = 500  # the last jobs that ended well, of all kinds, among which these are
SAME = 1e-6  # below this relative determinant all jobs cost the same


@dataclass(frozen=True)
class Speed:
    """The time that jobs take here: some seconds for each, and more for each megapixel-evaluation of their cost."""

    job_s: float
    cost_s: float

    def seconds(self, cost: float) -> float:
        return self.job_s + self.cost_s * cost


Speeds = Mapping[str, Speed | None]
"""The speed of each lane; None while no job of it has ended."""


def seconds_of(speeds: Speeds, lane: str, cost: float) -> float | None:
    """Return the seconds that a job of this cost takes, None while that isn't known."""
    speed = speeds[lane]
    return speed.seconds(cost) if speed else None


def measured(session: Session, lane: str) -> Speed | None:
    """Return the speed of jobs of a lane that ended well, among the last ones; None while there are none.

    Those that were claimed more than once don't count: they took longer, with attempts that died and waits between.
    The seconds for styles' Gram matrices don't grow with the cost, and most styles are cached: their median counts.
    """
    last = select(JobRow.number).where(JobRow.status == "succeeded").order_by(JobRow.number.desc()).limit(LOOKED_AT)
    took = (JobRow.finished_at - JobRow.started_at).label("took")
    painted = (JobRow.lane == lane, JobRow.kind.in_((TRANSFER, SCORE)))
    whole = (*painted, JobRow.cost > 0, JobRow.fence <= 1, took > 0)
    query = select(JobRow.cost, took, JobRow.timings).where(JobRow.number.in_(last), *whole)
    query = query.order_by(JobRow.finished_at.desc()).limit(RECENT)
    jobs, styles = [], []
    for cost, seconds, timings in session.execute(query):
        style_s = (isinstance(timings, dict) and amount_in(timings, "style_s")) or 0.0
        if seconds and style_s < seconds:
            jobs.append((cost, seconds - style_s))
            styles.append(style_s)
    speed = fitted(jobs)
    return replace(speed, job_s=speed.job_s + median(styles)) if speed else None


def fitted(jobs: Sequence[tuple[float, float]]) -> Speed | None:
    """Return the speed that explains the costs and seconds of jobs best, by the squares of relative errors."""
    uu = sum(1 / s**2 for _, s in jobs)
    uv = sum(c / s**2 for c, s in jobs)
    vv = sum((c / s) ** 2 for c, s in jobs)
    u, v = sum(1 / s for _, s in jobs), sum(c / s for c, s in jobs)
    if not jobs:
        return None
    determinant = uu * vv - uv**2
    if determinant > SAME * uu * vv:
        job_s, cost_s = (vv * u - uv * v) / determinant, (uu * v - uv * u) / determinant
        if job_s >= 0 and cost_s >= 0:
            return Speed(job_s, cost_s)
        if cost_s < 0:
            return Speed(u / uu, 0.0)
    return Speed(0.0, v / vv)
