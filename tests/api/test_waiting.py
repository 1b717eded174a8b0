"""`Prefer: wait`, and how many bodies are in memory at a time."""

from __future__ import annotations

import concurrent.futures

from api.working import work_until_the_end
from front_door import eventually
from jobs.submitting import submit

from service.api.live.waiting import Waits
from service.api.live.watch import Watch
from service.jobs.leases import Leases
from service.jobs.queue import Queue

LONG_S = 60.0  # of which no test waits more than a moment


# Prefer: wait


def test_a_wait_ends_with_its_job(
    queue: Queue, leases: Leases, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    waiting, job = Waits(watch, 1), queue.get(submit(queue))
    answer = pool.submit(waiting.until_ended, job, LONG_S, "acme")
    eventually(lambda: job.id in watch._jobs, 60, "not watched")
    assert waiting.until_ended(job, LONG_S, "birch") == (job, False), "there was but one place"
    work_until_the_end(leases, 3)
    ended, waited = answer.result(10)
    assert (ended.status, waited) == ("succeeded", True)
    assert waiting.until_ended(ended, LONG_S, "birch") == (ended, True), "its place is free again"


def test_a_tenant_waits_in_half_of_the_places(
    queue: Queue, leases: Leases, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    waiting, job = Waits(watch, 4), queue.get(submit(queue))
    answers = [pool.submit(waiting.until_ended, job, LONG_S, "acme") for _ in range(2)]
    eventually(lambda: job.id in watch._jobs and watch._jobs[job.id].watchers == 2, 60, "not watched")
    assert waiting.until_ended(job, LONG_S, "acme") == (job, False)
    assert waiting.until_ended(job, 0.0, "birch") == (job, True)
    work_until_the_end(leases, 3)
    assert all(answer.result(10)[1] for answer in answers)
    assert waiting.until_ended(job, 0.0, "acme") == (job, True)


def test_a_wait_ends_when_its_time_is_up(queue: Queue, watch: Watch) -> None:
    job = queue.get(submit(queue))
    assert Waits(watch, 1).until_ended(job, 0.2, "acme") == (job, True)


def test_a_wait_ends_when_its_job_is_deleted_or_the_server_stops(
    queue: Queue, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    waiting, jobs = Waits(watch, 4), [queue.get(submit(queue)) for _ in range(2)]
    answers = [pool.submit(waiting.until_ended, job, LONG_S, "acme") for job in jobs]
    eventually(lambda: len(watch._jobs) == 2, 60, "not watched")
    queue.delete(jobs[0].id)
    assert answers[0].result(10) == (jobs[0], True)
    assert not answers[1].done()
    watch.close()
    assert answers[1].result(10) == (jobs[1], True)
