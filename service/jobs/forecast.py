"""The forecast of the line: in which order workers will claim the jobs that wait, and when."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

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


def in_turn(
    waiting: Iterable[Waiting],
    running: Sequence[Running],
    workers: int,
    limits: Mapping[str, int],
    seconds: Callable[[Waiting], float | None],
) -> Iterator[tuple[Waiting, float | None]]:
    """Yield jobs in the order in which workers will claim them, each with the seconds until then.

    One job of each caller comes after the other, then the next of each. A tenant is passed over while as many of its
    jobs run as `limits` allows. `seconds` says how long a job takes; behind one that it doesn't know, nobody's time
    is known.
    """
    callers, running_of = _callers(waiting), Counter(job.tenant for job in running)
    order = count()  # of two jobs that end at a time, the one that began first ends first
    ends = [(job.left or 0.0, next(order), job.tenant, job.is_here) for job in running]
    heapq.heapify(ends)
    clock, free = 0.0, workers - sum(job.is_here for job in running)
    is_known = all(job.left is not None for job in running if job.is_here)
    while callers:
        jobs = _next_caller(callers, running_of, limits) if free else None
        if jobs is None:
            clock, _, tenant, is_here = heapq.heappop(ends)
            running_of[tenant] -= 1
            free += is_here
            continue
        job = jobs.popleft()
        if jobs:
            callers.append(jobs)
        yield job, clock if is_known else None
        takes = seconds(job)
        is_known = is_known and takes is not None
        running_of[job.tenant] += 1
        free -= 1
        heapq.heappush(ends, (clock + (GUESS_S if takes is None else takes), next(order), job.tenant, True))


def _callers(waiting: Iterable[Waiting]) -> list[deque[Waiting]]:
    """Return the jobs of each caller in their order; first the caller whose last claim is longest ago."""
    by_caller: dict[tuple[int, str], list[Waiting]] = defaultdict(list)
    for job in waiting:
        by_caller[job.last_claim, job.owner].append(job)
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
