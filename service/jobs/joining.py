"""The turn of a job that joins a line whose turns are worked out: the one that the forecast of all would give it."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from service.jobs.forecast import GUESS_S, NOW, Moment, Standing, Turn, Waiting


def joined(new: Waiting, turns: Sequence[Turn], standing: Standing) -> tuple[int, Turn]:
    """Return how many of a line's turns come before that of a new job, and this turn.

    It is exact: claims depend only on the jobs that were claimed before, so the turns before it stay as they are.
    """
    own, later = _own(new, turns)
    if later:
        return later[0], _turn(new, later[0], turns[later[0]].claimed, turns, standing)
    place, claimed = _after_own(new, own, turns, standing)
    return place, _turn(new, place, claimed, turns, standing)


def with_job(new: Waiting, turns: Sequence[Turn], standing: Standing) -> list[Turn]:
    """Return a line's turns with that of a new job. Each later job of its caller takes the turn of the next one.

    Where no tenant has to wait for its running jobs, the order is exact. Turns of others keep their seconds.
    """
    own, later = _own(new, turns)
    found, job = [*turns], new
    for place in later:
        found[place], job = _turn(job, place, found[place].claimed, found, standing), found[place].job
    place, claimed = _after_own(job, [*own, *later], found, standing)
    found.insert(place, _turn(job, place, claimed, found, standing))
    return found


def _own(new: Waiting, turns: Sequence[Turn]) -> tuple[list[int], list[int]]:
    """Return the places of the caller's jobs that come before a new one, and those of the others."""
    own = [place for place, turn in enumerate(turns) if turn.job.owner == new.owner]
    before = bisect_left(own, new.turn, key=lambda place: turns[place].job.turn)
    return own[:before], own[before:]


def _turn(job: Waiting, place: int, claimed: Moment, turns: Sequence[Turn], standing: Standing) -> Turn:
    """Return the turn of a job that is claimed then, after so many others."""
    is_known, takes = turns[place - 1].ends is not None if place else standing.is_known, standing.takes(job)
    begins = claimed[0] if is_known else None
    ends = None if begins is None or takes is None else begins + takes
    ended = (claimed[0] + (GUESS_S if takes is None else takes), len(standing.running) + len(turns))
    return Turn(job, claimed, ended, begins, ends)


def _after_own(new: Waiting, own: Sequence[int], turns: Sequence[Turn], standing: Standing) -> tuple[int, Moment]:
    """Return the place of a job that comes after all other jobs of its caller, and when it is claimed.

    It goes before the first turn of a caller that has had one since the caller's own last one. Turns before that go
    behind it only where a worker is free and their tenants have to wait.
    """
    place, served = own[-1] + 1 if own else 0, set[str]()
    clock = turns[place - 1].claimed if place else NOW
    limit, ahead = standing.limits.get(new.tenant), turns[:place]
    here = [end for end, job in standing.running_ends() if job.is_here]
    theirs = [end for end, job in standing.running_ends() if job.tenant == new.tenant]
    workers = _Places(standing.workers, [*here, *(turn.ended for turn in ahead)])
    allowed = _Places(limit, [*theirs, *(turn.ended for turn in ahead if turn.job.tenant == new.tenant)])
    for turn in turns[place:]:
        claimed = max(clock, workers.free_from, allowed.free_from)
        goes_first = turn.job.owner in served or (not own and new.caller < turn.job.caller)
        waits = turn.job.tenant in standing.limits and claimed < turn.claimed  # though a worker is free
        if waits or (goes_first and allowed.free_from <= turn.claimed):
            return place, claimed
        place, clock = place + 1, max(clock, turn.claimed)
        served.add(turn.job.owner)
        workers.take(turn.ended)
        if turn.job.tenant == new.tenant:
            allowed.take(turn.ended)
    return place, max(clock, workers.free_from, allowed.free_from)


class _Places:
    """Places for so many jobs at a time, None for any number, of which some have one until they end."""

    def __init__(self, count: int | None, ends: Iterable[Moment]) -> None:
        self._count = count
        self._ends = [] if count is None else heapq.nlargest(count, ends)[::-1]

    @property
    def free_from(self) -> Moment:
        """The moment from which one more job has a place."""
        return NOW if self._count is None or len(self._ends) < self._count else self._ends[0]

    def take(self, until: Moment) -> None:
        """Give a place to a job, which comes after all others, until it ends."""
        if self._count is not None and len(self._ends) < self._count:
            heapq.heappush(self._ends, until)
        elif self._count is not None:
            heapq.heappushpop(self._ends, until)
