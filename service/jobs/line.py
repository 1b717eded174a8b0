"""The line of waiting jobs: each one's position, and the seconds until a worker takes it up.

Workers claim jobs as service.jobs.turns says. The line is that order worked out in advance; the seconds follow from
the jobs' costs and from how long jobs of known cost took here lately.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.jobs.forecast import Running, Waiting, in_turn
from service.jobs.registry import count_alive
from service.jobs.turns import BEHIND
from service.storage.database import Database, read_clock
from service.storage.kinds import KINDS, SCORE, TRANSFER
from service.storage.lanes import ENGINE, PAINT, Lane
from service.storage.schema import DEFAULT_TENANT, CallerRow, JobRow
from service.storage.tenant_limits import NO_LIMITS, TenantLimits, running_limits
from service.storage.typed_json import amount_in

RECENT = 50  # ended jobs whose times give the speed
LOOKED_AT = 500  # the last ended jobs, of all kinds, among which these are
KNOWN_S = 5.0  # seconds for which a process keeps a speed
SAME = 1e-6  # below this relative determinant all jobs cost the same
LANES = (ENGINE, PAINT)


@dataclass(frozen=True)
class Place:
    """The place of a waiting job: 1 is next; and the seconds until its turn, None while no speed is known."""

    position: int
    eta_seconds: float | None

    def to_json(self) -> dict[str, float | None]:
        return dict(vars(self))


@dataclass(frozen=True)
class Speed:
    """The time that jobs take here: some seconds for each, and more for each megapixel-evaluation of their cost."""

    job_s: float
    cost_s: float

    def seconds(self, cost: float) -> float:
        return self.job_s + self.cost_s * cost


Speeds = Mapping[str, Speed | None]
"""The speed of each lane; None while no job of it has ended."""


class Line:
    """The line as callers see it. Learning and judging come behind all others, and aren't in it.

    `limits` are those of tenants without values of their own.
    """

    def __init__(self, database: Database, limits: TenantLimits = NO_LIMITS) -> None:
        self._database = database
        self._limits = limits
        self._speeds: Speeds = {}
        self._measured = -math.inf  # monotonic time

    def places(self, rows: Iterable[JobRow]) -> dict[str, Place]:
        """Return the places of those of these jobs that wait."""
        wanted = {row.id: row for row in rows if row.status == "queued" and row.kind not in BEHIND}
        if not wanted:
            return {}
        with self._database.reading() as session:
            speeds, found = self._speeds_now(session), dict[str, Place]()
            for lane in {row.lane for row in wanted.values()}:
                found |= self._places(session, lane, speeds, wanted)
        return found

    def until_end(self, row: JobRow) -> float | None:
        """Return the seconds until a waiting job ends, as far as they are known."""
        place = self.places([row]).get(row.id)
        takes = _seconds(self._speeds, row.lane, row.cost) if place else None
        if place is None or place.eta_seconds is None or takes is None:
            return None
        return round(place.eta_seconds + takes, 1)

    def estimate(
        self, owner: str, priority: int, lane: Lane, cost: float, tenant: str = DEFAULT_TENANT
    ) -> tuple[float | None, Place]:
        """Return the seconds that a job of this cost would take, and its place if it were submitted now."""
        with self._database.reading() as session:
            known = session.get(CallerRow, owner)
            new = Waiting("", tenant, owner, known.last_claim if known else 0, cost, lane, priority)
            speeds = self._speeds_now(session)
            return _seconds(speeds, lane, cost), self._places(session, lane, speeds, [""], new)[""]

    def _speeds_now(self, session: Session) -> Speeds:
        """Return the speeds, which are measured again after KNOWN_S: many callers may look at their jobs at once."""
        if time.monotonic() > self._measured + KNOWN_S:
            self._speeds = {lane: measured(session, lane) for lane in LANES}
            self._measured = time.monotonic()
        return self._speeds

    def _places(
        self, session: Session, lane: str, speeds: Speeds, wanted: Collection[str], new: Waiting | None = None
    ) -> dict[str, Place]:
        """Return the places of the wanted jobs in the line of a lane; `new` waits there too."""
        lanes = _lanes_beside(session, lane)
        waiting = [*_waiting(session, lanes), *([new] if new else [])]
        workers = max(1, sum(count_alive(session, lane) for lane in LANES if lane in lanes))
        running = _running(session, lanes, workers, speeds)
        limits = running_limits(session, {job.tenant for job in waiting}, self._limits)
        is_known = any(speeds[lane] for lane in lanes)
        ahead = in_turn(waiting, running, workers, limits, lambda job: _seconds(speeds, job.lane, job.cost))
        return {
            job.id: Place(position, round(begins, 1) if begins is not None and is_known else None)
            for position, (job, begins) in enumerate(ahead, 1)
            if job.id in wanted
        }


def _seconds(speeds: Speeds, lane: str, cost: float) -> float | None:
    speed = speeds[lane]
    return speed.seconds(cost) if speed else None


def _lanes_beside(session: Session, lane: str) -> tuple[str, ...]:
    """Return the lanes whose jobs wait for the same workers: both where there is no painter worker."""
    return (lane,) if count_alive(session, PAINT) else LANES


def _waiting(session: Session, lanes: Sequence[str]) -> list[Waiting]:
    turn = (JobRow.lane, JobRow.priority, JobRow.number)
    query = select(JobRow.id, JobRow.tenant, JobRow.owner, func.coalesce(CallerRow.last_claim, 0), JobRow.cost, *turn)
    query = query.outerjoin(CallerRow, CallerRow.owner == JobRow.owner).where(*_of(lanes, "queued"))
    return [Waiting(*row) for row in session.execute(query)]


def _running(session: Session, lanes: Sequence[str], workers: int, speeds: Speeds) -> list[Running]:
    """Return all jobs that run. Those of these lanes keep the workers, as far as there are so many."""
    clock = read_clock(session)
    rows = [(row, _left(row, speeds, clock)) for row in session.scalars(select(JobRow).where(*_of(LANES, "running")))]
    rows.sort(key=lambda pair: math.inf if pair[1] is None else pair[1])
    here = [row.id for row, _ in rows if row.lane in lanes][:workers]
    return [Running(row.tenant, left, row.id in here) for row, left in rows]


def _left(row: JobRow, speeds: Speeds, clock: float) -> float | None:
    """Return the seconds that a running job still takes, as far as they are known."""
    if row.progress and (eta := amount_in(vars(row.progress), "eta_seconds")) is not None:
        return eta
    takes = _seconds(speeds, row.lane, row.cost)
    return None if takes is None else max(0.0, takes - (clock - (row.started_at or clock)))


def _of(lanes: Sequence[str], status: str) -> list[ColumnElement[bool]]:
    kinds = [kind for kind in KINDS if kind not in BEHIND]
    return [JobRow.status == status, JobRow.lane.in_(lanes), JobRow.kind.in_(kinds)]


def measured(session: Session, lane: str) -> Speed | None:
    """Return the speed of jobs of a lane that ended well, among the last ones; None while there are none.

    The seconds for styles' Gram matrices don't grow with the cost, and most styles are cached: their median counts.
    """
    last = select(JobRow.number).where(JobRow.finished_at.is_not(None)).order_by(JobRow.finished_at.desc())
    took = (JobRow.finished_at - JobRow.started_at).label("took")
    painted = (JobRow.status == "succeeded", JobRow.lane == lane, JobRow.kind.in_((TRANSFER, SCORE)))
    whole = (*painted, JobRow.cost > 0, JobRow.attempts <= 1, took > 0)
    query = select(JobRow.cost, took, JobRow.timings).where(JobRow.number.in_(last.limit(LOOKED_AT)), *whole)
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
