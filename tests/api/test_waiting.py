"""`Prefer: wait`, and how many bodies are in memory at a time."""

from __future__ import annotations

import concurrent.futures
from contextlib import ExitStack

import pytest
from api.working import work_until_the_end
from flask import Flask
from front_door import eventually
from full_system import no_room_for
from jobs.submitting import submit

from service.api.context import KEY, AppContext
from service.api.intake.long_reads import LongReads
from service.api.live.waiting import Waits
from service.api.live.watch import Watch
from service.api.places import LongPlaces, Places
from service.errors import TooManyReads
from service.jobs.leases import Leases
from service.jobs.queue import Queue

LONG_S = 60.0  # of which no test waits more than a moment


# Prefer: wait


def test_a_wait_ends_with_its_job(
    queue: Queue, leases: Leases, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    waiting, job = Waits(watch, Places(1)), queue.get(submit(queue))
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
    waiting, job = Waits(watch, Places(4)), queue.get(submit(queue))
    answers = [pool.submit(waiting.until_ended, job, LONG_S, "acme") for _ in range(2)]
    eventually(lambda: job.id in watch._jobs and watch._jobs[job.id].watchers == 2, 60, "not watched")
    assert waiting.until_ended(job, LONG_S, "acme") == (job, False)
    assert waiting.until_ended(job, 0.0, "birch") == (job, True)
    work_until_the_end(leases, 3)
    assert all(answer.result(10)[1] for answer in answers)
    assert waiting.until_ended(job, 0.0, "acme") == (job, True)


def test_two_tenants_that_wait_and_read_leave_a_quarter_of_the_places(
    app: Flask, queue: Queue, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    context: AppContext = app.extensions[KEY]
    job = queue.get(submit(queue))
    with ExitStack() as reads:
        for tenant in 4 * ("acme", "birch"):
            reads.enter_context(context.long_reads.place(tenant))
        answers = [pool.submit(context.waits.until_ended, job, LONG_S, tenant) for tenant in 4 * ("acme", "birch")]
        eventually(lambda: sum(answer.done() for answer in answers) == 4, 60, "more of them wait")
        assert {answer.result()[1] for answer in answers if answer.done()} == {False}
        context.watch.close()
        assert sum(answer.result(10)[1] for answer in answers) == 4


def test_who_waits_as_often_as_it_may_reads_less_and_a_place_given_back_serves_both() -> None:
    places = LongPlaces.of(16)
    reads = LongReads(places.for_reads)
    assert [places.for_waits.take("acme") for _ in range(5)] == 4 * [True] + [False]
    with ExitStack() as own:
        for _ in range(2):
            own.enter_context(reads.place("acme"))
        with pytest.raises(TooManyReads):
            own.enter_context(reads.place("acme"))
        places.for_waits.free("acme")
        own.enter_context(reads.place("acme"))
    assert places.for_waits.take("acme")


def test_a_wait_ends_when_its_time_is_up(queue: Queue, watch: Watch) -> None:
    job = queue.get(submit(queue))
    assert Waits(watch, Places(1)).until_ended(job, 0.2, "acme") == (job, True)


def test_who_could_not_wait_for_lack_of_a_thread_has_its_job_at_once_and_the_next_one_waits(
    queue: Queue, leases: Leases, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    waiting, job = Waits(watch, Places(1)), queue.get(submit(queue))
    with no_room_for("watch"):
        assert waiting.until_ended(job, LONG_S, "acme") == (job, False)
    assert watch._jobs == {}
    answer = pool.submit(waiting.until_ended, job, LONG_S, "acme")
    eventually(lambda: job.id in watch._jobs, 60, "not watched")
    work_until_the_end(leases, 1)
    assert answer.result(10)[0].status == "succeeded"


def test_a_wait_ends_when_its_job_is_deleted_or_the_server_stops(
    queue: Queue, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    waiting, jobs = Waits(watch, Places(4)), [queue.get(submit(queue)) for _ in range(2)]
    answers = [pool.submit(waiting.until_ended, job, LONG_S, "acme") for job in jobs]
    eventually(lambda: len(watch._jobs) == 2, 60, "not watched")
    queue.delete(jobs[0].id)
    assert answers[0].result(10) == (jobs[0], True)
    assert not answers[1].done()
    watch.close()
    assert answers[1].result(10) == (jobs[1], True)
