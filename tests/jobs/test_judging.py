"""Losses that follow: the tasks that measure them, and where these stand in the queue."""

from __future__ import annotations

from dataclasses import replace

import pytest
from jobs.submitting import REQUEST, RESULT, claimed, submit
from sqlalchemy import select

from service.errors import QueueFull
from service.jobs import judging
from service.jobs.judging import Judgement
from service.jobs.leases import Claim, Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.jobs.request import StoredStyle
from service.jobs.tasks import JudgeTask, LearnTask
from service.jobs.turns import JUDGE_LATEST_S, JUDGE_PATIENCE_S
from service.storage.database import Database
from service.storage.kinds import JUDGE
from service.storage.schema import JobRow

LOSSES = {"content": 1.0, "style": 2.0, "tv": 3.0, "total": 4.0}


def painted(queue: Queue, leases: Leases, ago: float = 2 * JUDGE_PATIENCE_S) -> str:
    """The id of a transfer that has ended so many seconds ago, and has a task for its losses."""
    id = submit(queue)
    claim = claimed(leases)
    assert claim.id == id
    leases.succeed(claim, replace(RESULT, pictures=(replace(RESULT.pictures[0], losses=None),)), judge=True)
    with leases.database.writing() as session:
        newest = session.query(JobRow).filter_by(kind=JUDGE).order_by(JobRow.number.desc()).first()
        assert newest is not None
        newest.created_at -= ago
    return id


def judges(database: Database) -> list[JobRow]:
    with database.reading() as session:
        return list(session.scalars(select(JobRow).where(JobRow.kind == JUDGE)))


def judgement(leases: Leases, claim: Claim) -> None:
    task = JudgeTask.from_json(claim.request)
    assert task.request == REQUEST
    leases.judged(claim, task.transfer, Judgement([LOSSES], "miss"))


def test_a_success_brings_its_task_along_which_enters_the_losses(
    queue: Queue, leases: Leases, database: Database
) -> None:
    id = painted(queue, leases)
    before = queue.get(id)
    assert before.transfer_result is not None
    assert before.transfer_result.pictures[0].losses is None
    judgement(leases, claimed(leases))
    after = queue.get(id)
    assert after.transfer_result is not None
    assert after.transfer_result.pictures[0].losses == LOSSES
    assert (after.status, after.style_cache, after.events) == ("succeeded", "miss", before.events + 1)
    assert [row.status for row in judges(database)] == ["succeeded"]


def test_nothing_is_entered_where_the_transfer_was_deleted(queue: Queue, leases: Leases, database: Database) -> None:
    queue.delete(painted(queue, leases))
    judgement(leases, claimed(leases))
    assert [row.status for row in judges(database)] == ["succeeded"]


def test_judging_comes_after_other_jobs_and_before_learning(queue: Queue, leases: Leases) -> None:
    painted(queue, leases)
    queue.submit(Submission("learn", LearnTask(StoredStyle("p", 1.0, 1.0, ()), "v", 64, 1.0), "caller"))
    other = submit(queue, "caller")
    assert claimed(leases).id == other
    assert claimed(leases).kind == JUDGE
    assert claimed(leases).id == "learn"


def test_judging_waits_until_no_painting_follows(queue: Queue, leases: Leases) -> None:
    painted(queue, leases)
    painted(queue, leases, ago=0)
    assert leases.claim("host:1", {}) is None
    assert not leases.others_wait(0)
    painted(queue, leases, ago=JUDGE_LATEST_S + 1)
    assert claimed(leases).kind == JUDGE
    assert leases.claim("host:1", {}) is None


def test_a_task_that_waits_takes_no_place_of_its_callers(database: Database, leases: Leases) -> None:
    queue = Queue(database, Limits(queue=1, caller=1))
    painted(queue, leases)
    submit(queue)
    with pytest.raises(QueueFull):
        submit(queue)


def test_beyond_a_number_of_tasks_that_wait_pictures_stay_without_losses(
    queue: Queue, leases: Leases, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MOST", 1)
    painted(queue, leases)
    with database.writing() as session:
        session.query(JobRow).filter_by(kind=JUDGE).one().priority = -1
    other = submit(queue)
    leases.succeed(claimed(leases), RESULT, judge=True)
    assert queue.get(other).status == "succeeded"
    assert len(judges(database)) == 1
