"""Jobs for which nobody waits any longer: their deadline has passed, or they were canceled."""

from __future__ import annotations

import pytest
from jobs.submitting import claimed, submit

from service.jobs.leases import Leases
from service.jobs.queue import Queue
from service.jobs.unattended import end_unattended, release
from service.storage.database import Database
from service.storage.schema import JobRow


def pass_time(database: Database, id: str, seconds: float) -> None:
    """Let a job be as old as it will be in so many seconds."""
    with database.writing() as session:
        row = session.query(JobRow).filter_by(id=id).one()
        assert row.deadline_at is not None
        row.created_at, row.deadline_at = row.created_at - seconds, row.deadline_at - seconds


def test_a_waiting_job_fails_when_its_deadline_passes_and_the_others_stay(
    queue: Queue, leases: Leases, database: Database
) -> None:
    late, other = submit(queue, deadline_s=30.5), submit(queue, deadline_s=60)
    end_unattended(database)
    assert queue.get(late).status == "queued"
    pass_time(database, late, 30.5)
    end_unattended(database)
    job = queue.get(late)
    assert job.error is not None
    assert (job.status, job.error["status"], job.error["type"]) == (
        "failed",
        504,
        "urn:nst:problem:deadline-exceeded",
    )
    assert "30.5 s" in job.error["detail"]
    assert queue.get(other).status == "queued"


@pytest.mark.parametrize("how", ["canceled", "failed"])
def test_a_job_of_a_dead_worker_ends_without_another_claim(
    queue: Queue, leases: Leases, database: Database, how: str
) -> None:
    id, other = submit(queue, deadline_s=60), submit(queue, deadline_s=90)
    claimed(leases)
    claimed(leases, "host:2")
    if how == "canceled":
        queue.cancel(id)
    else:
        pass_time(database, id, 60)
    end_unattended(database)
    assert queue.get(id).status == "running"  # its worker ends it
    release(database, ["host:1", "host:2"])
    end_unattended(database)
    job = queue.get(id)
    assert (job.status, job.error and job.error["status"]) == (how, None if how == "canceled" else 504)
    assert queue.get(other).status == "running"


def test_an_overdue_job_is_not_begun(queue: Queue, leases: Leases, database: Database) -> None:
    late, other = submit(queue, deadline_s=60), submit(queue)
    pass_time(database, late, 60)
    assert claimed(leases).id == other
    assert queue.get(late).status == "failed"


def test_a_running_job_is_told_and_fails(queue: Queue, leases: Leases, database: Database) -> None:
    id = submit(queue, deadline_s=60)
    claim = claimed(leases)
    assert not leases.report(claim).overdue
    pass_time(database, id, 60)
    assert leases.report(claim).overdue
    leases.fail_overdue(claim)
    error = queue.get(id).error
    assert error is not None
    assert error["status"] == 504
