"""A POST repeated with its key makes no second job."""

from __future__ import annotations

import threading
import time

import pytest
from jobs.submitting import RESULT, claimed, submit
from sqlalchemy import update

from service.errors import InvalidInput, NotFound
from service.jobs.idempotency import KEPT_S, RepeatKey
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.storage.database import Database
from service.storage.schema import IdempotencyRow

KEY = RepeatKey("caller", "key", "digest")


def test_the_same_key_and_body_give_the_same_job_whatever_became_of_it(queue: Queue, leases: Leases) -> None:
    assert queue.repeated(KEY) is None
    id = submit(queue, repeat=KEY)
    assert submit(queue, repeat=KEY) == id
    claim = claimed(leases)
    job = queue.repeated(KEY)
    assert job is not None
    assert job.status == "running"
    leases.succeed(claim, RESULT)
    assert submit(queue, repeat=KEY) == id
    assert len(queue.page(None, None, 9)) == 1


def test_another_body_under_the_same_key_is_refused(queue: Queue) -> None:
    submit(queue, repeat=KEY)
    other = RepeatKey("caller", "key", "another digest")
    for call in (lambda: submit(queue, repeat=other), lambda: queue.repeated(other)):
        with pytest.raises(InvalidInput, match="Idempotency-Key"):
            call()


def test_a_key_that_an_earlier_version_stored_gives_its_job(queue: Queue) -> None:
    id = submit(queue, repeat=RepeatKey("caller", "key", "of all fields"))
    assert submit(queue, repeat=RepeatKey("caller", "key", "of named fields", "of all fields")) == id


def test_keys_are_each_callers_own(queue: Queue) -> None:
    mine = submit(queue, repeat=KEY)
    assert submit(queue, repeat=RepeatKey("another", "key", "another digest")) != mine


def test_a_repeat_is_answered_when_the_queue_is_full(database: Database) -> None:
    queue = Queue(database, Limits(queue=1, caller=1))
    assert submit(queue, repeat=KEY) == submit(queue, repeat=KEY)


def test_a_key_counts_for_a_day(queue: Queue, database: Database) -> None:
    id = submit(queue, repeat=KEY)
    with database.writing() as session:
        session.execute(update(IdempotencyRow).values(created_at=IdempotencyRow.created_at - KEPT_S - 1))
    assert submit(queue, repeat=RepeatKey("caller", "key", "another digest")) != id


def test_the_key_of_a_deleted_job_is_free(queue: Queue) -> None:
    id = submit(queue, repeat=KEY)
    queue.delete(id)
    again = submit(queue, repeat=KEY)
    assert again != id
    with pytest.raises(NotFound):
        queue.get(id)


def test_the_key_of_a_job_past_its_time_is_free_before_that_is_swept_up(database: Database) -> None:
    """Its job's address is a 404 from then on."""
    queue = Queue(database, Limits(retention_s=0.05))
    id = submit(queue, repeat=KEY)
    queue_without_end = Queue(database, Limits())
    queue_without_end.cancel(id)
    time.sleep(0.1)
    assert queue.repeated(KEY) is None
    assert submit(queue, repeat=RepeatKey("caller", "key", "another digest")) != id
    assert queue_without_end.get(id)


def test_the_same_post_many_times_at_once_makes_one_job(queue: Queue) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(submit(queue, repeat=KEY))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
