"""Jobs for which nobody waits any longer."""

from __future__ import annotations

from jobs.submitting import claimed, submit

from service.jobs.leases import Leases
from service.jobs.queue import Queue
from service.jobs.unattended import fail_overdue_waiting
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
    fail_overdue_waiting(database)
    assert queue.get(late).status == "queued"
    pass_time(database, late, 30.5)
    fail_overdue_waiting(database)
    job = queue.get(late)
    assert job.error is not None
    assert (job.status, job.error["status"], job.error["type"]) == (
        "failed",
        504,
        "urn:nst:problem:deadline-exceeded",
    )
    assert "30.5 s" in job.error["detail"]
    assert queue.get(other).status == "queued"


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
