"""Claims and leases, over every kind of database: one worker at a time may write to a job."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from jobs.submitting import RESULT, checkpoint, claimed, submit

from service.errors import JobFailed
from service.jobs.attempts import MAX_ATTEMPTS
from service.jobs.leases import LeaseLost, Leases
from service.jobs.queue import Queue
from service.jobs.registry import worker_id
from service.jobs.unattended import release, release_dead
from service.storage.database import Database
from service.storage.records import DonePicture, JobCheckpoint, JobProgress, Preview
from service.storage.schema import DeliveryRow, JobRow


def progress(queue: Queue, id: str) -> JobProgress:
    """Return how far a job is."""
    progress = queue.get(id).progress
    assert progress is not None
    return progress


def test_jobs_are_claimed_oldest_first_and_once(queue: Queue, leases: Leases) -> None:
    ids = [submit(queue) for _ in range(3)]
    assert [claimed(leases).id for _ in ids] == ids
    assert leases.claim("w:1", {}) is None


def test_a_job_whose_lease_ran_out_goes_to_another_and_the_first_may_not_write(
    hasty: Leases, leases: Leases, queue: Queue
) -> None:
    id = submit(queue)
    first, second = claimed(hasty, "first:1"), claimed(leases, "second:2")
    assert second.id == id
    for write in (
        lambda: leases.report(first, progress=JobProgress(1)),
        lambda: leases.report(first, preview=Preview("late")),
        lambda: leases.report(first, checkpoint=checkpoint(9)),
        lambda: leases.succeed(first, RESULT),
        lambda: leases.fail(first, JobFailed("late")),
        lambda: leases.fail_overdue(first),
        lambda: leases.cancel(first),
        lambda: leases.give_back(first),
    ):
        with pytest.raises(LeaseLost):
            write()
    leases.succeed(second, RESULT)
    job = queue.get(id)
    assert (job.status, job.preview, job.checkpoint) == ("succeeded", None, None)
    with pytest.raises(LeaseLost):  # nor may the second, twice
        leases.succeed(second, RESULT)


def pass_lease(database: Database, seconds: float) -> None:
    """Let the lease of the only job be as old as it will be in so many seconds."""
    with database.writing() as session:
        row = session.query(JobRow).one()
        assert row.lease_until is not None
        row.lease_until -= seconds


def test_a_report_renews_the_lease(database: Database, queue: Queue, leases: Leases) -> None:
    submit(queue)
    claim = claimed(leases)
    for _ in range(3):
        pass_lease(database, 30)
        assert leases.claim("other:2", {}) is None
        leases.report(claim)
    pass_lease(database, 61)
    assert leases.claim("other:2", {})


def test_leases_go_by_the_databases_clock(
    database: Database, queue: Queue, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker's own clock, an hour slow or fast, changes nothing."""
    submit(queue)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    claim = claimed(leases)
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    assert leases.claim("other:2", {}) is None
    leases.report(claim)
    pass_lease(database, 61)
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    assert leases.claim("other:2", {})


def test_a_job_that_loses_every_worker_fails_with_what_is_known(queue: Queue, hasty: Leases) -> None:
    id = submit(queue)
    for attempt in range(MAX_ATTEMPTS):
        claim = claimed(hasty, f"host:{attempt}")
        hasty.report(claim, progress=JobProgress(4 + attempt))
    assert hasty.claim("host:9", {}) is None
    job = queue.get(id)
    assert job.error is not None
    assert (job.status, job.error["status"]) == ("failed", 500)
    assert "3 workers died" in job.error["detail"]
    assert "host:2" in job.error["detail"]
    assert "iteration 6 of 10" in job.error["detail"]
    assert job.finished_at
    assert job.timings is not None
    assert job.timings["total_s"] >= 0


def died_at(leases: Leases, checkpoint: JobCheckpoint) -> None:
    """A worker that dies after this checkpoint."""
    leases.report(claimed(leases), checkpoint=checkpoint)


def test_a_job_that_comes_further_each_time_is_never_given_up(queue: Queue, hasty: Leases) -> None:
    id = submit(queue)
    for attempt in range(3 * MAX_ATTEMPTS):
        died_at(hasty, checkpoint(1 + attempt))
    assert queue.get(id).status == "running"


def test_a_further_picture_counts_as_progress_even_without_iterations(queue: Queue, hasty: Leases) -> None:
    id = submit(queue)
    for count in range(1, 3 * MAX_ATTEMPTS):
        died_at(hasty, JobCheckpoint(None, JobProgress(), (DonePicture("p", "s", 8, 8),) * count))
    assert queue.get(id).status == "running"


def test_a_job_that_gets_more_grams_each_time_is_never_given_up(queue: Queue, hasty: Leases) -> None:
    id = submit(queue)
    for attempt in range(3 * MAX_ATTEMPTS):
        hasty.report(claimed(hasty), grams=1 + attempt)
    assert queue.get(id).status == "running"


def test_grams_that_were_lost_and_are_computed_again_are_no_progress(queue: Queue, hasty: Leases) -> None:
    id = submit(queue)
    for grams in (2, 1, 2):
        hasty.report(claimed(hasty), grams=grams)
    assert hasty.claim("host:9", {}) is None
    assert queue.get(id).status == "failed"


def test_each_picture_s_grams_count_once(queue: Queue, hasty: Leases) -> None:
    """A picture that was damaged and is made again, with its Grams, is none that is further."""
    id, done = submit(queue), (DonePicture("p", "s", 8, 8),) * 2
    series = [JobCheckpoint(None, JobProgress(), done[:count]) for count in range(3)]
    hasty.report(claimed(hasty), grams=3)
    for further in series[1:]:
        died_at(hasty, further)
        for grams in range(1, 1 + MAX_ATTEMPTS):
            hasty.report(claimed(hasty), grams=grams)
    claim = claimed(hasty)
    for again in series:
        hasty.report(claim, checkpoint=again, grams=3)
    assert queue.get(id).attempts == 2


def test_deaths_count_from_the_furthest_checkpoint_on(queue: Queue, hasty: Leases) -> None:
    id = submit(queue)
    for iteration in (2, 2, 5, 5):
        died_at(hasty, checkpoint(iteration))
    claimed(hasty)
    assert hasty.claim("host:9", {}) is None
    assert queue.get(id).status == "failed"


def test_a_checkpoint_that_was_lost_and_is_reached_again_is_no_progress(queue: Queue, hasty: Leases) -> None:
    """As where its file can't be read, so that each attempt begins anew."""
    id = submit(queue)
    for _ in range(MAX_ATTEMPTS):
        claim = claimed(hasty)
        for iteration in (3, 6, 9):
            hasty.report(claim, checkpoint=checkpoint(iteration))
    assert hasty.claim("host:9", {}) is None
    assert queue.get(id).status == "failed"


def test_a_job_given_back_is_taken_up_again_without_counting(queue: Queue, leases: Leases) -> None:
    id = submit(queue)
    for _ in range(2 * MAX_ATTEMPTS):
        leases.give_back(claimed(leases))
        assert queue.get(id).status == "queued"
    assert leases.claim("w:1", {})


def test_a_canceled_job_ends_when_it_is_given_back(database: Database, queue: Queue, leases: Leases) -> None:
    id, other = (submit(queue, callback_url="https://hook.test/") for _ in range(2))
    claims = [claimed(leases), claimed(leases)]
    queue.cancel(id)
    for claim in claims:
        leases.give_back(claim)
    assert [(row.status, row.lease_until) for row in map(queue.get, (id, other))] == [
        ("canceled", None),
        ("queued", None),
    ]
    assert told_of(database) == [id]


def test_a_job_whose_worker_died_is_canceled_at_once(database: Database, queue: Queue, hasty: Leases) -> None:
    id = submit(queue, callback_url="https://hook.test/")
    claim = claimed(hasty)
    assert queue.cancel(id).status == "canceled"
    assert told_of(database) == [id]
    with pytest.raises(LeaseLost):
        hasty.report(claim)
    assert hasty.claim("w:1", {}) is None


def told_of(database: Database) -> list[str]:
    """The jobs whose webhooks are due."""
    with database.reading() as session:
        return [row.job_id for row in session.query(DeliveryRow)]


@pytest.mark.slow
def test_whoever_takes_a_job_over_goes_on_at_its_checkpoint(queue: Queue, leases: Leases, hasty: Leases) -> None:
    id = submit(queue)
    first = claimed(hasty)
    assert first.checkpoint is None
    hasty.report(first, progress=JobProgress(5), checkpoint=checkpoint(5))
    hasty.report(first, progress=JobProgress(7))
    assert progress(queue, id).iteration == 7
    second = claimed(leases)
    assert second.checkpoint == checkpoint(5)
    assert progress(queue, id).iteration == 5
    leases.give_back(second)
    assert progress(queue, id).iteration == 5
    assert claimed(leases).checkpoint == checkpoint(5)


def test_without_a_checkpoint_a_job_begins_at_its_beginning(queue: Queue, leases: Leases, hasty: Leases) -> None:
    id = submit(queue)
    hasty.report(claimed(hasty), progress=JobProgress(7))
    claimed(leases)
    assert progress(queue, id) == JobProgress(event=3)


def test_a_dead_workers_jobs_are_up_for_claiming_at_once(queue: Queue, leases: Leases) -> None:
    ids = [submit(queue) for _ in range(2)]
    claimed(leases, "host:1")
    claimed(leases, "host:2")
    assert release(leases.database, ["host:1"]) == ids[:1]
    again = claimed(leases, "host:3")
    assert (again.id, again.fence) == (ids[0], 2)
    assert queue.get(ids[0]).attempts == 2  # its death counts
    assert leases.claim("host:4", {}) is None


def test_workers_of_this_host_are_told_to_be_dead_by_their_process(queue: Queue, leases: Leases) -> None:
    ids = [submit(queue) for _ in range(4)]
    gone, unreaped = (subprocess.Popen([sys.executable, "-c", ""]) for _ in range(2))
    gone.wait()
    os.waitid(os.P_PID, unreaped.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    here = [worker_id("here", process) for process in (gone.pid, unreaped.pid, os.getpid())]
    for worker in (*here, worker_id("there", gone.pid)):
        claimed(leases, worker)
    assert sorted(release_dead(leases.database, "here")) == sorted(ids[:2])
    assert release_dead(leases.database, "here") == []  # though nobody has claimed them yet
    unreaped.wait()


@pytest.mark.slow
def test_cancel_and_finish_at_once_end_in_one_state(queue: Queue, leases: Leases) -> None:
    for _ in range(20):
        id = submit(queue)
        claim = claimed(leases)
        canceler = threading.Thread(target=queue.cancel, args=(id,))
        canceler.start()
        leases.succeed(claim, RESULT)
        canceler.join()
        job = queue.get(id)
        assert (job.status, job.events) == ("succeeded", 2)  # claimed and ended, once each
