"""The line of waiting jobs: each one's position, and the seconds until a worker takes it up.

Workers claim jobs as service.jobs.scheduling says. The line is that order worked out in advance; the seconds follow
from the jobs' costs and from how long jobs of known cost took here lately.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.jobs.forecast import Running, Waiting, in_turn
from service.jobs.registry import count_alive
from service.jobs.scheduling import BEHIND, patience_s
from service.jobs.speed import Speeds, measured, seconds_of
from service.storage.database import Database, read_clock
from service.storage.kinds import KINDS
from service.storage.lanes import ENGINE, PAINT, Lane
from service.storage.schema import DEFAULT_TENANT, CallerRow, JobRow
from service.storage.tenant_limits import NO_LIMITS, TenantLimits, running_limits
from service.storage.typed_json import amount_in

KNOWN_S = 5.0  # seconds for which a process keeps a speed, and the line while it works out the next one
LANES = (ENGINE, PAINT)
LINED = tuple(kind for kind in KINDS if kind not in BEHIND)
SHARED_S = 1.0  # seconds for which a process keeps the line


@dataclass(frozen=True)
class Place:
    """The place of a waiting job: 1 is next; and the seconds until its turn.

    They are None while no worker is alive or no speed is known.
    """

    position: int
    eta_seconds: float | None

    def to_json(self) -> dict[str, float | None]:
        return dict(vars(self))


@dataclass(frozen=True)
class Turn:
    """A job of the line: its position, and the seconds until a worker takes it up and until its end, if known."""

    job: Waiting
    position: int
    begins: float | None
    ends: float | None

    @property
    def place(self) -> Place:
        return Place(self.position, None if self.begins is None else round(self.begins, 1))


@dataclass(frozen=True)
class _Standing:
    """The jobs of some lanes that wait, and what they wait for.

    Attributes:
        running: all jobs that run.
        workers: how many there are for these lanes.
        limits: how many jobs of a tenant may run.
        is_known: whether seconds can be told: a worker is alive, and jobs of one of these lanes have ended.
    """

    waiting: Sequence[Waiting]
    running: Sequence[Running]
    workers: int
    limits: Mapping[str, int]
    speeds: Speeds
    is_known: bool

    def turns(self, *new: Waiting) -> Iterator[Turn]:
        """Yield the jobs that wait, and new ones among them, in the order in which workers will claim them."""
        ahead = in_turn([*self.waiting, *new], self.running, self.workers, self.limits, self._takes)
        for position, (job, begins) in enumerate(ahead, 1):
            if begins is None or not self.is_known:
                yield Turn(job, position, None, None)
            else:
                takes = self._takes(job)
                yield Turn(job, position, begins, None if takes is None else begins + takes)

    def _takes(self, job: Waiting) -> float | None:
        return seconds_of(self.speeds, job.lane, job.cost)


@dataclass(frozen=True)
class _State:
    """The line at one moment: `standing` by lane, `turns` by the ids of the jobs, and all jobs that run."""

    read_at: float  # monotonic time
    standing: Mapping[str, _Standing]
    turns: Mapping[str, Turn]
    running: Sequence[Running]


class Line:
    """The line as callers see it. Kinds behind all others aren't in it; one that runs keeps its worker for a moment.

    A process works it out at most once in SHARED_S, for all who ask, and for jobs that have come since.
    `limits` are those of tenants without values of their own.
    """

    def __init__(self, database: Database, limits: TenantLimits = NO_LIMITS) -> None:
        self._database = database
        self._state: _State | None = None
        self._reading_since = -math.inf  # monotonic time of the newest read, which may be under way
        self._limits = limits
        self._speeds: Speeds = {}
        self._measured = -math.inf  # monotonic time

    def places(self, rows: Iterable[JobRow]) -> dict[str, Place]:
        """Return the places of those of these jobs that wait."""
        wanted = [row.id for row in rows if row.status == "queued" and row.kind in LINED]
        if not wanted:
            return {}
        with self._database.reading() as session:
            turns = self._now(session, wanted).turns
        return {id: turns[id].place for id in wanted if id in turns}

    def until_room(self, session: Session, *, tenant: str | None = None, owner: str | None = None) -> float | None:
        """Return the seconds until fewer jobs wait, of a tenant or a caller if one is given; None if not known.

        A batch waits until its end.
        """

        def counts(job: Waiting | Running) -> bool:
            return tenant in (None, job.tenant) and owner in (None, job.owner)

        state, batches, first = self._now(session), defaultdict[str, float](float), math.inf
        for turn in filter(lambda turn: counts(turn.job), state.turns.values()):
            if turn.job.batch is None:
                first = min(first, _or_never(turn.begins))
            else:
                batches[turn.job.batch] = max(batches[turn.job.batch], _or_never(turn.ends))
        for job in filter(counts, state.running):
            if job.batch is not None:
                batches[job.batch] = max(batches[job.batch], _or_never(job.left))
        first = min(first, *batches.values()) if batches else first
        return None if math.isinf(first) else first

    def until_begun(self, session: Session, count: int, owner: str | None = None) -> float | None:
        """Return the seconds until workers have taken up so many jobs of batches, of a caller if one is given.

        None if not known.
        """
        turns = [turn for turn in self._now(session).turns.values() if turn.job.batch]
        begins = sorted(_or_never(turn.begins) for turn in turns if owner in (None, turn.job.owner))
        found = begins[count - 1] if 0 < count <= len(begins) else math.inf
        return None if math.isinf(found) else found

    def until_ends(self, ids: Collection[str]) -> dict[str, float]:
        """Return the seconds until each of these waiting jobs ends, where they are known."""
        if not ids:
            return {}
        with self._database.reading() as session:
            turns = self._now(session, ids).turns
        ends = {id: turns[id].ends for id in ids if id in turns}
        return {id: round(end, 1) for id, end in ends.items() if end is not None}

    def estimate(
        self, owner: str, priority: int, lane: Lane, cost: float, tenant: str = DEFAULT_TENANT
    ) -> tuple[float | None, Place]:
        """Return the seconds that a job of this cost would take, and its place if it were submitted now."""
        with self._database.reading() as session:
            known, standing = session.get(CallerRow, owner), self._now(session).standing[lane]
            limits = {**standing.limits, **running_limits(session, [tenant], self._limits)}
        new = Waiting("", tenant, owner, known.last_claim if known else 0, cost, lane, priority)
        turns = replace(standing, limits=limits).turns(new)
        place = next(turn.place for turn in turns if turn.job is new)
        return seconds_of(standing.speeds, lane, cost), place

    def _now(self, session: Session, wanted: Collection[str] = ()) -> _State:
        """Return the line as it was less than SHARED_S ago, or as it is where it lacked one of the wanted jobs.

        While another thread works it out, it may be as it was KNOWN_S ago.
        """
        known, clock = self._state, time.monotonic()
        oldest = KNOWN_S if clock < self._reading_since + SHARED_S else SHARED_S  # another thread may be reading
        if known is not None and clock < known.read_at + oldest and known.turns.keys() >= set(wanted):
            return known
        self._reading_since = clock
        self._state = found = self._read(session)
        return found

    def _read(self, session: Session) -> _State:
        begun, speeds = time.monotonic(), self._speeds_now(session)
        waiting = _waiting(session)
        limits = running_limits(session, {job.tenant for job in waiting}, self._limits)
        alive = {lane: count_alive(session, lane) for lane in LANES}
        standing, turns = dict[str, _Standing](), dict[str, Turn]()
        for lanes in ((ENGINE,), (PAINT,)) if alive[PAINT] else (LANES,):  # whose jobs wait for the same workers
            workers = max(1, sum(alive[lane] for lane in lanes))
            running, here = _running(session, lanes, workers, speeds), [job for job in waiting if job.lane in lanes]
            is_known = any(alive[lane] for lane in lanes) and any(speeds[lane] for lane in lanes)
            found = _Standing(here, running, workers, limits, speeds, is_known)
            standing |= dict.fromkeys(lanes, found)
            turns |= {turn.job.id: turn for turn in found.turns()}
        return _State(begun, standing, turns, running)

    def _speeds_now(self, session: Session) -> Speeds:
        """Return the speeds, which are measured again after KNOWN_S: many callers may look at their jobs at once."""
        if time.monotonic() > self._measured + KNOWN_S:
            self._speeds = {lane: measured(session, lane) for lane in LANES}
            self._measured = time.monotonic()
        return self._speeds


def _or_never(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


def _waiting(session: Session) -> list[Waiting]:
    turn = (JobRow.lane, JobRow.priority, JobRow.number, JobRow.batch)
    query = select(JobRow.id, JobRow.tenant, JobRow.owner, func.coalesce(CallerRow.last_claim, 0), JobRow.cost, *turn)
    ours = (JobRow.status == "queued", JobRow.lane.in_(LANES), JobRow.kind.in_(LINED))
    query = query.outerjoin(CallerRow, CallerRow.owner == JobRow.owner).where(*ours)
    return [Waiting(*row) for row in session.execute(query)]


def _running(session: Session, lanes: Sequence[str], workers: int, speeds: Speeds) -> list[Running]:
    """Return all jobs that run. Those of these lanes keep the workers, as far as there are so many."""
    clock, jobs = read_clock(session), session.scalars(select(JobRow).where(JobRow.status == "running"))
    rows = [(row, _left(row, speeds, clock)) for row in jobs]
    rows.sort(key=lambda pair: math.inf if pair[1] is None else pair[1])
    here = [row.id for row, _ in rows if row.lane in lanes][:workers]
    return [Running(row.tenant, row.owner, row.batch, left, row.id in here) for row, left in rows]


def _left(row: JobRow, speeds: Speeds, clock: float) -> float | None:
    """Return the seconds that a running job still keeps its worker at most, as far as they are known."""
    if row.kind in BEHIND:
        return patience_s(row.kind, row.fence, row.checkpoint)
    if row.progress and (eta := amount_in(vars(row.progress), "eta_seconds")) is not None:
        return eta
    takes = seconds_of(speeds, row.lane, row.cost)
    return None if takes is None else max(0.0, takes - (clock - (row.started_at or clock)))
