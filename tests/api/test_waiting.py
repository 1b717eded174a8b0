"""`Prefer: wait`, and how many bodies are in memory at a time."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from typing import Any

from api.working import work_until_the_end
from front_door import eventually
from jobs.submitting import submit

from service.api.waiting import BodyPlaces, Waiting
from service.api.watching import Watch
from service.jobs.leases import Leases
from service.jobs.queue import Queue

LONG_S = 60.0  # of which no test waits more than a moment


# Prefer: wait


def test_a_wait_ends_with_its_job(
    queue: Queue, leases: Leases, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    waiting, job = Waiting(watch, 1), queue.get(submit(queue))
    answer = pool.submit(waiting.until_ended, job, LONG_S)
    eventually(lambda: job.id in watch._jobs, 10, "not watched")
    assert waiting.until_ended(job, LONG_S) == (job, False), "there was but one place"
    work_until_the_end(leases, 3)
    ended, waited = answer.result(10)
    assert (ended.status, waited) == ("succeeded", True)
    assert waiting.until_ended(ended, LONG_S) == (ended, True), "its place is free again"


def test_a_wait_ends_when_its_time_is_up(queue: Queue, watch: Watch) -> None:
    job = queue.get(submit(queue))
    assert Waiting(watch, 1).until_ended(job, 0.2) == (job, True)


def test_a_wait_ends_when_its_job_is_deleted_or_the_server_stops(
    queue: Queue, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    waiting, jobs = Waiting(watch, 2), [queue.get(submit(queue)) for _ in range(2)]
    answers = [pool.submit(waiting.until_ended, job, LONG_S) for job in jobs]
    eventually(lambda: len(watch._jobs) == 2, 10, "not watched")
    queue.delete(jobs[0].id)
    assert answers[0].result(10) == (jobs[0], True)
    assert not answers[1].done()
    watch.close()
    assert answers[1].result(10) == (jobs[1], True)


# Bodies


class Handler:
    """A WSGI application whose requests stay until they are let go."""

    def __init__(self) -> None:
        self.inside = 0
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with self._lock:
            self.inside += 1
        self.let_go.wait(30)
        if environ.get("fails"):
            raise ZeroDivisionError
        return [b"done"]


def test_so_many_bodies_at_a_time_and_requests_without_one_pass_them() -> None:
    handler = Handler()
    app = BodyPlaces(handler, 2)
    bodies = [{"CONTENT_LENGTH": "5"}, {"CONTENT_LENGTH": "9", "fails": "yes"}]
    bodies += [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"CONTENT_LENGTH": "1"}]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(app, body, None) for body in bodies]
        eventually(lambda: handler.inside == 2, 10, "not even two")
        others = [
            pool.submit(app, environ, None) for environ in ({}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "0"})
        ]
        eventually(lambda: handler.inside == 5, 10, "those without a body wait")
        time.sleep(0.2)
        assert handler.inside == 5
        handler.let_go.set()
        assert isinstance(answers[1].exception(10), ZeroDivisionError)
        for answer in (answers[0], answers[2], answers[3], *others):
            assert answer.result(10) == [b"done"]
