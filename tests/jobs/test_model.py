"""The queue against a simple model of it: random sequences of everything that callers and workers do."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from jobs.submitting import RESULT, checkpoint, submit

from service.errors import JobFailed, NotFound, TooManyJobs
from service.jobs.attempts import MAX_ATTEMPTS
from service.jobs.leases import Claim, LeaseLost, Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.jobs.unattended import end_unattended, release
from service.storage.database import Database
from service.storage.records import ENDED, JobProgress

OWNERS = ("a", "b", "c")
CALLER_LIMIT = 4


@dataclass
class Job:
    """A job as the model knows it."""

    id: str
    number: int
    owner: str
    priority: int
    status: str = "queued"
    fence: int = 0
    attempts: int = 0
    lapsed: bool = False
    cancel: bool = False
    checkpoint: int | None = None
    reached: int = 0
    grams: int = 0
    events: int = 0


@dataclass
class Model:
    """A queue in a few lines of lists."""

    jobs: dict[str, Job] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def waiting(self, owner: str) -> int:
        return sum(job.owner == owner and job.status == "queued" for job in self.jobs.values())

    def add(self, id: str, owner: str, priority: int) -> None:
        self.count += 1
        self.turns.setdefault(owner, 0)
        self.jobs[id] = Job(id, self.count, owner, priority)

    def claim(self) -> Job | None:
        """End what must not be tried again, and take the next."""
        while True:
            due = [job for job in self.jobs.values() if self.is_free(job)]
            if not due:
                return None
            job = min(due, key=lambda job: (self.turns[job.owner], job.owner, -job.priority, job.number))
            if not job.cancel and job.attempts < MAX_ATTEMPTS:
                break
            self.end(job, "canceled" if job.cancel else "failed")
        job.status, job.lapsed = "running", False
        job.fence, job.attempts, job.events = job.fence + 1, job.attempts + 1, job.events + 1
        self.turns[job.owner] = max(self.turns.values()) + 1
        return job

    def is_free(self, job: Job) -> bool:
        return job.status == "queued" or (job.status, job.lapsed) == LAPSED

    def end(self, job: Job, status: str) -> None:
        job.status, job.lapsed, job.events = status, False, job.events + 1
        if status == "succeeded":
            job.checkpoint = None

    def held(self, claim: Claim) -> Job | None:
        """The job if the claim still counts."""
        job = self.jobs.get(claim.id)
        return job if job and (job.status, job.fence) == ("running", claim.fence) else None


LAPSED = ("running", True)


class QueueMachine(RuleBasedStateMachine):
    """Do the same to the queue and to the model; whatever can be seen of both must agree."""

    claims: Bundle[Claim] = Bundle("claims")
    folder = made = Path()

    @initialize()
    def begin(self) -> None:
        path = shutil.copy(self.made, tempfile.mkdtemp(dir=self.folder))
        self.database = Database(f"sqlite:///{path}")
        self.queue = Queue(self.database, Limits(queue=100, caller=CALLER_LIMIT))
        self.leases = Leases(self.database, lease_s=600)
        self.hasty = Leases(self.database, lease_s=-1)
        self.model = Model()

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()

    # Callers

    @rule(owner=st.sampled_from(OWNERS), priority=st.integers(-1, 1))
    def submit(self, owner: str, priority: int) -> None:
        if self.model.waiting(owner) >= CALLER_LIMIT:
            with pytest.raises(TooManyJobs):
                submit(self.queue, owner, priority=priority)
        else:
            self.model.add(submit(self.queue, owner, priority=priority), owner, priority)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if job := self._any_job(data):
            self.queue.cancel(job.id)
            if self.model.is_free(job):
                self.model.end(job, "canceled")
            elif job.status == "running":
                job.cancel = True

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if job := self._any_job(data):
            self.queue.delete(job.id)
            del self.model.jobs[job.id]
            with pytest.raises(NotFound):
                self.queue.get(job.id)

    # Workers

    @rule(target=claims, dies=st.booleans())
    def claim(self, dies: bool) -> Any:
        """A worker that dies lets its lease run out."""
        expected = self.model.claim()
        claim = (self.hasty if dies else self.leases).claim("host:1", {})
        assert (claim and claim.id) == (expected and expected.id)
        if claim is None or expected is None:
            return multiple()
        expected.lapsed = dies
        assert claim.fence == expected.fence
        reached = claim.checkpoint and claim.checkpoint.progress.iteration
        assert reached == expected.checkpoint
        return claim

    @rule(claim=claims, iteration=st.integers(1, 9), keeps=st.booleans(), grams=st.integers(0, 3))
    def report(self, claim: Claim, iteration: int, keeps: bool, grams: int) -> None:
        kept = checkpoint(iteration) if keeps else None
        held = self.model.held(claim)
        if held is None:
            with pytest.raises(LeaseLost):
                self.leases.report(claim, progress=JobProgress(iteration), checkpoint=kept, grams=grams)
            return
        flags = self.leases.report(claim, progress=JobProgress(iteration), checkpoint=kept, grams=grams)
        held.events, held.lapsed = held.events + 1, False
        held.checkpoint = iteration if keeps else held.checkpoint
        if keeps and iteration > held.reached:
            held.reached, held.attempts = iteration, 1
        if grams > held.grams:
            held.grams, held.attempts = grams, 1
        assert flags.cancel_requested == held.cancel

    @rule(claim=consumes(claims), how=st.sampled_from(ENDED))
    def end(self, claim: Claim, how: str) -> None:
        def end() -> None:
            if how == "succeeded":
                self.leases.succeed(claim, RESULT)
            elif how == "failed":
                self.leases.fail(claim, JobFailed("so"))
            else:
                self.leases.cancel(claim)

        held = self.model.held(claim)
        if held is None:
            with pytest.raises(LeaseLost):
                end()
        else:
            end()
            self.model.end(held, how)

    @rule(claim=consumes(claims))
    def give_back(self, claim: Claim) -> None:
        held = self.model.held(claim)
        if held is None:
            with pytest.raises(LeaseLost):
                self.leases.give_back(claim)
        else:
            self.leases.give_back(claim)
            if held.cancel:
                self.model.end(held, "canceled")
                return
            held.status, held.lapsed = "queued", False
            held.attempts, held.events = held.attempts - 1, held.events + 1

    @rule()
    def release_the_dead(self) -> None:
        """All workers are found dead."""
        release(self.leases.database, ["host:1"])
        for job in self.model.jobs.values():
            job.lapsed = job.lapsed or job.status == "running"

    @rule()
    def end_the_unattended(self) -> None:
        """A worker sends a heartbeat."""
        end_unattended(self.leases.database)
        for job in self.model.jobs.values():
            if job.cancel and self.model.is_free(job):
                self.model.end(job, "canceled")

    @invariant()
    def they_agree(self) -> None:
        if not hasattr(self, "queue"):
            return
        rows = {row.id: row for row in self.queue.page(None, None, 1000)}
        assert rows.keys() == self.model.jobs.keys()
        for id, job in self.model.jobs.items():
            row = rows[id]
            assert (row.status, row.fence, row.attempts) == (job.status, job.fence, job.attempts)
            assert (row.events, row.cancel_requested) == (job.events, job.cancel)
            assert bool(row.finished_at) == (job.status in ENDED)

    def _any_job(self, data: st.DataObject) -> Job | None:
        return data.draw(st.sampled_from(list(self.model.jobs.values()))) if self.model.jobs else None


@pytest.mark.parametrize("examples", [4, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_the_queue_does_what_its_model_does(tmp_path: Path, made_database: Path, examples: int) -> None:
    QueueMachine.folder, QueueMachine.made = tmp_path, made_database
    machine = QueueMachine.TestCase
    machine.settings = settings(
        max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
    machine().runTest()
