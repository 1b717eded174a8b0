"""The forecast of the line: in which order workers will claim the jobs that wait, and when."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from service.jobs.speed import Speeds, seconds_of
from service.storage.lanes import ENGINE, PAINT

LAST = 2**62  # number of a job that isn't submitted yet
GUESS_S = 1.0  # seconds that a job counts for whose seconds aren't known: all such jobs are equally long


@dataclass(frozen=True)
class Waiting:
    """A job in the line, or one that might join it."""

    id: str
    tenant: str
    owner: str
    last_claim: int
    cost: float
    lane: str = ENGINE
    priority: int = 0
    number: int = LAST
    batch: str | None = None

    @property
    def caller(self) -> tuple[int, str]:
        """The order among callers: first the one whose last claim is longest ago."""
        return self.last_claim, self.owner

    @property
    def turn(self) -> tuple[int, bool, int]:
        """The order among the jobs of its caller, as in service.jobs.scheduling."""
        return -self.priority, self.lane != PAINT, self.number


@dataclass(frozen=True)
class Running:
    """A job that runs for `left` more seconds, None if that isn't known; `is_here`: it keeps one of the workers."""

    tenant: str
    owner: str
    batch: str | None
    left: float | None
    is_here: bool


Moment = tuple[float, int]
"""Seconds from now, and the number of the job that ends then: several may end at a time, one after the other."""
NOW: Moment = (0.0, -1)


class Turn(NamedTuple):
    """A job of the line.

    Attributes:
        claimed, ended: when a worker takes it up, and when it ends; guesses count where seconds aren't known.
        begins, ends: the seconds until then; None where they aren't known.
    """

    job: Waiting
    claimed: Moment
    ended: Moment
    begins: float | None
    ends: float | None


@dataclass(frozen=True)
class Standing:
    """What the jobs of some lanes wait for.

    Attributes:
        running: all jobs that run.
        workers: how many there are for these lanes.
        limits: how many jobs of a tenant may run.
        speeds: of all lanes.
        is_manned: whether one of the workers is alive.
    """

    running: Sequence[Running]
    workers: int
    limits: Mapping[str, int]
    speeds: Speeds
    is_manned: bool = True

    def takes(self, job: Waiting) -> float | None:
        """Return the seconds that a job takes; None if that isn't known."""
        return seconds_of(self.speeds, job.lane, job.cost, job.owner)

    @property
    def is_known(self) -> bool:
        """Whether seconds can be told: there is a worker, and it's known how many all that run here have left."""
        return self.is_manned and all(job.left is not None for job in self.running if job.is_here)

    def running_ends(self) -> list[tuple[Moment, Running]]:
        """Return when the running jobs end. Of two that end at a time, the one that began first ends first."""
        return [((job.left or 0.0, number), job) for number, job in enumerate(self.running)]


def in_turn(waiting: Iterable[Waiting], standing: Standing) -> Iterator[Turn]:
    """Yield the turns of jobs in the order in which workers will claim them.

    One job of each caller comes after the other, then the next of each. A tenant is passed over while as many of its
    jobs run as its limit allows. Behind a job whose seconds aren't known, nobody's are.
    """
    callers, running_of = _callers(waiting), Counter(job.tenant for job in standing.running)
    ends = [(end, job.tenant, job.is_here) for end, job in standing.running_ends()]
    numbers = count(len(ends))
    heapq.heapify(ends)
    clock, free = NOW, standing.workers - sum(job.is_here for job in standing.running)
    is_known = standing.is_known
    while callers:
        jobs = _next_caller(callers, running_of, standing.limits) if free else None
        if jobs is None:
            clock, tenant, is_here = heapq.heappop(ends)
            running_of[tenant] -= 1
            free += is_here
            continue
        job = jobs.popleft()
        if jobs:
            callers.append(jobs)
        takes = standing.takes(job)
        ended = (clock[0] + (GUESS_S if takes is None else takes), next(numbers))
        begins = clock[0] if is_known else None
        is_known = is_known and takes is not None
        yield Turn(job, clock, ended, begins, ended[0] if is_known else None)
        running_of[job.tenant] += 1
        free -= 1
        heapq.heappush(ends, (ended, job.tenant, True))


def _callers(waiting: Iterable[Waiting]) -> list[deque[Waiting]]:
    """Return the jobs of each caller in their order; first the caller whose last claim is longest ago."""
    by_caller: dict[tuple[int, str], list[Waiting]] = defaultdict(list)
    for job in waiting:
        by_caller[job.caller].append(job)
    return [deque(sorted(jobs, key=lambda job: job.turn)) for _, jobs in sorted(by_caller.items())]


def _next_caller(
    callers: list[deque[Waiting]], running_of: Counter[str], limits: Mapping[str, int]
) -> deque[Waiting] | None:
    """Take the next caller whose tenant may run one more job from the list; None where there is none."""
    for place, jobs in enumerate(callers):
        limit = limits.get(jobs[0].tenant)
        if limit is None or running_of[jobs[0].tenant] < limit:
            return callers.pop(place)
    return None
