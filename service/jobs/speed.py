"""How long jobs of known cost take here: the speed of each lane, from the jobs that ended lately."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.storage.schema import PAINTED, JobRow
from service.storage.typed_json import amount_in

RECENT = 50  # ended jobs whose times give the speed
LOOKED_AT = 500  # the last transfers and scores of a lane that ended well, among which these are
SAME = 1e-6  # below this relative determinant all jobs cost the same

Alike = tuple[str, int]
"""Jobs of which one tells of another: their caller, and the power of two that their cost is below."""


@dataclass(frozen=True)
class Speed:
    """The time that jobs take here: some seconds for each, and more for each megapixel-evaluation of their cost.

    Attributes:
        job_s, cost_s: these seconds.
        shares: what jobs that are alike carried out of their cost, since many end early; 1 for all others.
    """

    job_s: float
    cost_s: float
    shares: Mapping[Alike, float] = field(default_factory=dict)

    def seconds(self, cost: float, owner: str = "") -> float:
        """Return the seconds that a caller's job of this cost takes."""
        return self.job_s + self.cost_s * cost * self.shares.get(_alike(owner, cost), 1.0)


Speeds = Mapping[str, Speed | None]
"""The speed of each lane; None while no job of it has ended."""


def seconds_of(speeds: Speeds, lane: str, cost: float, owner: str) -> float | None:
    """Return the seconds that a caller's job of this cost takes, None while that isn't known."""
    speed = speeds[lane]
    return speed.seconds(cost, owner) if speed else None


def measured(session: Session, lane: str) -> Speed | None:
    """Return the speed of jobs of a lane that ended well, among the last ones; None while there are none.

    Callers count alike: the last job of each comes first, then the one before, and so on. Each job counts with what
    it carried out; in rows of earlier versions, with its whole cost.

    Those that were claimed more than once don't count: they took longer, with attempts that died and waits between.
    The seconds for styles' Gram matrices don't grow with the cost, and most styles are cached: their median counts.
    """
    last = select(JobRow.number).where(PAINTED, JobRow.lane == lane).order_by(JobRow.number.desc()).limit(LOOKED_AT)
    took = (JobRow.finished_at - JobRow.started_at).label("took")
    whole = (JobRow.cost > 0, JobRow.fence <= 1, took > 0)
    newest = JobRow.finished_at.desc()
    turn = func.row_number().over(partition_by=JobRow.owner, order_by=newest)
    query = select(JobRow.owner, JobRow.cost, JobRow.evaluated, took, JobRow.timings)
    query = query.where(JobRow.number.in_(last), *whole).order_by(turn, newest).limit(RECENT)
    jobs, styles, shares = list[tuple[float, float]](), list[float](), defaultdict[Alike, list[float]](list)
    for owner, cost, evaluated, seconds, timings in session.execute(query):
        style_s = (isinstance(timings, dict) and amount_in(timings, "style_s")) or 0.0
        if seconds and style_s < seconds:
            jobs.append((evaluated or cost, seconds - style_s))
            styles.append(style_s)
            shares[_alike(owner, cost)].append((evaluated or cost) / cost)
    speed = fitted(jobs)
    if speed is None:
        return None
    typical = {alike: median(each) for alike, each in shares.items()}
    return replace(speed, job_s=speed.job_s + median(styles), shares=typical)


def _alike(owner: str, cost: float) -> Alike:
    return owner, math.frexp(cost)[1]


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
