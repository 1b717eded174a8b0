"""The line of waiting jobs: each one's position, and the seconds until a worker takes it up.

Workers claim jobs as service.jobs.scheduling says. The line is that order worked out in advance; the seconds follow
from the jobs' costs and from how long jobs of known cost took here lately.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.jobs.forecast import Running, Standing, Turn, Waiting, in_turn
from service.jobs.joining import joined, with_job
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
LONG = 100  # jobs of a line that is long enough for new ones to join it; a shorter one is worked out anew in 1 ms
PACED = 2.0  # times the fraction that a running job has done: the share with which its own pace counts
MOST_JOINED = 16  # new jobs beyond which the line is worked out anew: that takes as long as so many joinings
SHARED_S = 1.0  # seconds for which a process keeps the line


@dataclass(frozen=True)
class Place:
    """The place of a waiting job: 1 is next; and the seconds until its turn.

    They are None while no worker is alive, or while it isn't known how long a job before it takes.
    """

    position: int
    eta_seconds: float | None

    def to_json(self) -> dict[str, float | None]:
        return dict(vars(self))


@dataclass(frozen=True)
class _Queue:
    """The jobs that wait for the same workers, in the order in which these will claim them."""

    standing: Standing
    turns: Sequence[Turn]

    def with_job(self, new: Waiting, limits: Mapping[str, int]) -> _Queue:
        """Return the queue with a new job, whose tenant has its value in `limits`. Others keep their seconds."""
        standing = replace(self.standing, limits={**self.standing.limits, **limits})
        return _Queue(standing, with_job(new, self.turns, standing))


@dataclass(frozen=True)
class _State:
    """The line at one moment, and jobs that have come since.

    Attributes:
        read_at: the moment, monotonic.
        queues: by lane; lanes may have one together.
        newest: the highest number of a job that waited.
    """

    read_at: float
    queues: Mapping[str, _Queue]
    newest: int
    running: Sequence[Running]

    @cached_property
    def turns(self) -> Mapping[str, Turn]:
        """The turns by the ids of the jobs."""
        return {turn.job.id: turn for queue in self._each() for turn in queue.turns}

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The positions by the ids of the jobs."""
        return {turn.job.id: k for queue in self._each() for k, turn in enumerate(queue.turns, 1)}

    def with_job(self, new: Waiting, limits: Mapping[str, int]) -> _State:
        """Return the line with a new job, whose tenant has its value in `limits`."""
        old = self.queues[new.lane]
        changed = old.with_job(new, limits)
        queues = {lane: changed if queue is old else queue for lane, queue in self.queues.items()}
        return replace(self, queues=queues, newest=max(self.newest, new.number))

    def _each(self) -> Iterable[_Queue]:
        return {id(queue): queue for queue in self.queues.values()}.values()


class Line:
    """The line as callers see it. Kinds behind all others aren't in it; one that runs keeps its worker for a moment.

    A process works it out at most once in SHARED_S, for all who ask. Jobs that have come since join a long one; a
    short one is worked out anew for them, so that nobody who has just begun is still before them.
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
            state = self._now(session, wanted)
        return {id: _place(state.positions[id], state.turns[id]) for id in wanted if id in state.turns}

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
            known, queue = session.get(CallerRow, owner), self._now(session).queues[lane]
            limits = running_limits(session, [tenant], self._limits)
        new = Waiting("", tenant, owner, known.last_claim if known else 0, cost, lane, priority)
        before, turn = joined(new, queue.turns, replace(queue.standing, limits={**queue.standing.limits, **limits}))
        return queue.standing.takes(new), _place(before + 1, turn)

    def _now(self, session: Session, wanted: Collection[str] = ()) -> _State:
        """Return the line as it was less than SHARED_S ago, with the wanted jobs as far as they wait.

        While another thread works it out, it may be as it was KNOWN_S ago.
        """
        known, clock = self._state, time.monotonic()
        oldest = KNOWN_S if clock < self._reading_since + SHARED_S else SHARED_S  # another thread may be reading
        if known is not None and clock < known.read_at + oldest:
            if known.turns.keys() >= set(wanted):
                return known
            found = self._joined(session, known, wanted) if len(known.turns) >= LONG else None
            if found is not None:
                self._state = found
                return found
        self._reading_since = clock
        self._state = found = self._read(session)
        return found

    def _joined(self, session: Session, known: _State, wanted: Collection[str]) -> _State | None:
        """Return the line with the jobs that have come since it was worked out.

        None where they are many, or a wanted one waits again that ran then.
        """
        new = _waiting(session, JobRow.number > known.newest)
        if len(new) > MOST_JOINED:
            return None
        limits = running_limits(session, {job.tenant for job in new}, self._limits)
        for job in sorted(new, key=lambda job: job.number):
            known = known.with_job(job, limits)
        missing = set(wanted) - known.turns.keys()
        return None if missing and _waiting(session, JobRow.id.in_(missing)) else known

    def _read(self, session: Session) -> _State:
        begun, speeds = time.monotonic(), self._speeds_now(session)
        waiting = _waiting(session)
        limits = running_limits(session, {job.tenant for job in waiting}, self._limits)
        alive = {lane: count_alive(session, lane) for lane in LANES}
        queues = dict[str, _Queue]()
        for lanes in ((ENGINE,), (PAINT,)) if alive[PAINT] else (LANES,):  # whose jobs wait for the same workers
            workers = max(1, sum(alive[lane] for lane in lanes))
            running = _running(session, lanes, workers, speeds)
            standing = Standing(running, workers, limits, speeds, is_manned=any(alive[lane] for lane in lanes))
            turns = [*in_turn((job for job in waiting if job.lane in lanes), standing)]
            queues |= dict.fromkeys(lanes, _Queue(standing, turns))
        return _State(begun, queues, max((job.number for job in waiting), default=0), running)

    def _speeds_now(self, session: Session) -> Speeds:
        """Return the speeds, which are measured again after KNOWN_S: many callers may look at their jobs at once."""
        if time.monotonic() > self._measured + KNOWN_S or not any(self._speeds.values()):
            self._speeds = {lane: measured(session, lane) for lane in LANES}
            self._measured = time.monotonic()
        return self._speeds


def _place(position: int, turn: Turn) -> Place:
    return Place(position, None if turn.begins is None else round(turn.begins, 1))


def _or_never(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


def _waiting(session: Session, *which: ColumnElement[bool]) -> list[Waiting]:
    turn = (JobRow.lane, JobRow.priority, JobRow.number, JobRow.batch)
    query = select(JobRow.id, JobRow.tenant, JobRow.owner, func.coalesce(CallerRow.last_claim, 0), JobRow.cost, *turn)
    ours = (JobRow.status == "queued", JobRow.lane.in_(LANES), JobRow.kind.in_(LINED))
    query = query.outerjoin(CallerRow, CallerRow.owner == JobRow.owner).where(*ours, *which)
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
    told = vars(row.progress) if row.progress else {}
    by_pace, takes = amount_in(told, "eta_seconds"), seconds_of(speeds, row.lane, row.cost, row.owner)
    if takes is None:
        return by_pace
    expected = min(takes, max(0.0, takes - (clock - (row.started_at or clock))))  # a clock may be set back
    if by_pace is None:
        return expected
    share = min(1.0, PACED * (amount_in(told, "fraction") or 0.0)) if expected else 1.0
    return share * by_pace + (1 - share) * expected
