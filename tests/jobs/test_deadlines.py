"""Jobs for which nobody waits any longer."""

from __future__ import annotations

import time

from jobs.submitting import claimed, submit

from service.jobs.leases import Leases
from service.jobs.queue import Queue
from service.jobs.unattended import fail_overdue_waiting


def test_a_waiting_job_fails_when_its_deadline_passes_and_the_others_stay(queue: Queue, leases: Leases) -> None:
    late, other = submit(queue, deadline_s=0.5), submit(queue, deadline_s=60)
    fail_overdue_waiting(leases.database)
    assert queue.get(late).status == "queued"
    time.sleep(0.6)
    fail_overdue_waiting(leases.database)
    job = queue.get(late)
    assert job.error is not None
    assert (job.status, job.error["status"], job.error["type"]) == (
        "failed",
        504,
        "urn:nst:problem:deadline-exceeded",
    )
    assert "0.5 s" in job.error["detail"]
    assert queue.get(other).status == "queued"


def test_an_overdue_job_is_not_begun(queue: Queue, leases: Leases) -> None:
    late, other = submit(queue, deadline_s=0.1), submit(queue)
    time.sleep(0.2)
    assert claimed(leases).id == other
    assert queue.get(late).status == "failed"


def test_a_running_job_is_told_and_fails(queue: Queue, leases: Leases) -> None:
    id = submit(queue, deadline_s=0.5)
    claim = claimed(leases)
    assert not leases.report(claim).overdue
    time.sleep(0.6)
    assert leases.report(claim).overdue
    leases.fail_overdue(claim)
    error = queue.get(id).error
    assert error is not None
    assert error["status"] == 504
