"""The queue's promises, over real SQLite, by several threads and processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from service.errors import NotFound, TransferFailed
from service.jobs.queue import MAX_ATTEMPTS, LeaseLost, Queue, new_id
from service.storage.database import Database

ROOT = Path(__file__).resolve().parents[2]
ASKED = {"styles": []}


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/jobs.db")


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database, lease_s=60)


@pytest.fixture
def hasty(database: Database) -> Queue:
    """The same queue with leases that run out at once."""
    return Queue(database, lease_s=-1)


def submit(queue: Queue) -> str:
    return queue.submit(new_id(), ASKED).id


def test_jobs_are_claimed_oldest_first_and_once(queue: Queue) -> None:
    ids = [submit(queue) for _ in range(3)]
    claims = [queue.claim("w", {}) for _ in range(4)]
    assert [claim.id for claim in claims[:3] if claim] == ids
    assert claims[3] is None


def test_many_claimers_get_every_job_exactly_once(queue: Queue, tmp_path: Path) -> None:
    """Two processes of four threads each; 200 jobs."""
    ids = {submit(queue) for _ in range(200)}
    script = (
        "import os, sys, threading\n"
        "from service.jobs.queue import Queue\n"
        "from service.storage.database import Database\n"
        "queue = Queue(Database(sys.argv[1]), 60)\n"
        "def work():\n"
        "    while claim := queue.claim('w', {}):\n"
        "        os.write(1, (claim.id + chr(10)).encode())\n"  # print writes the line's end by itself
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
    )
    command = [sys.executable, "-c", script, f"sqlite:///{tmp_path}/jobs.db"]
    claimers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    claimed = Counter(line for claimer in claimers for line in claimer.communicate()[0].split())
    assert claimed == Counter(ids)


def test_a_job_whose_lease_ran_out_goes_to_another_and_the_first_may_not_write(hasty: Queue, queue: Queue) -> None:
    id = submit(hasty)
    first, second = hasty.claim("first", {}), queue.claim("second", {})
    assert first and second and second.id == id
    for write in (
        lambda: queue.report(first, {"iteration": 1}),
        lambda: queue.succeed(first, {}, {}, "hit"),
        lambda: queue.fail(first, TransferFailed("late")),
        lambda: queue.end_canceled(first),
        lambda: queue.give_back(first),
    ):
        with pytest.raises(LeaseLost):
            write()
    queue.succeed(second, {"blob": "x"}, {}, "hit")
    assert queue.get(id).status == "succeeded"
    with pytest.raises(LeaseLost):  # nor may the second, twice
        queue.succeed(second, {"blob": "y"}, {}, "hit")


def test_a_report_renews_the_lease(database: Database) -> None:
    queue = Queue(database, lease_s=0.6)
    submit(queue)
    claim = queue.claim("slow", {})
    assert claim
    for _ in range(4):
        time.sleep(0.3)
        assert queue.claim("other", {}) is None
        queue.report(claim, {"iteration": 1})
    time.sleep(0.8)
    assert queue.claim("other", {})


def test_a_job_that_loses_every_worker_fails_with_the_reason(hasty: Queue) -> None:
    id = submit(hasty)
    assert [bool(hasty.claim("w", {})) for _ in range(MAX_ATTEMPTS + 1)] == [True] * MAX_ATTEMPTS + [False]
    job = hasty.get(id)
    assert job.status == "failed"
    assert "3 workers died" in job.error["detail"]
    assert job.finished_at


def test_a_job_given_back_is_as_if_it_had_not_been_claimed(queue: Queue) -> None:
    id = submit(queue)
    for _ in range(2 * MAX_ATTEMPTS):
        claim = queue.claim("stopping", {})
        assert claim
        queue.give_back(claim)
        assert queue.get(id).status == "queued"
    assert queue.claim("w", {})


def test_cancel_ends_a_waiting_job_asks_a_running_one_and_leaves_an_ended_one(queue: Queue) -> None:
    running, waiting = submit(queue), submit(queue)
    claim = queue.claim("w", {})
    assert claim and claim.id == running
    assert queue.report(claim) is False
    assert queue.cancel(waiting).status == "canceled"
    assert queue.cancel(running).status == "running"
    assert queue.report(claim) is True
    queue.succeed(claim, {"blob": "x"}, {}, "miss")  # it finished before it saw that
    assert queue.cancel(running).status == "succeeded"
    assert queue.claim("w", {}) is None


def test_a_canceled_job_whose_worker_died_is_not_tried_again(hasty: Queue) -> None:
    id = submit(hasty)
    hasty.claim("dies", {})
    hasty.cancel(id)
    assert hasty.claim("w", {}) is None
    assert hasty.get(id).status == "canceled"


def test_a_deleted_job_is_gone_for_its_worker_too(queue: Queue) -> None:
    id = submit(queue)
    claim = queue.claim("w", {})
    assert claim
    queue.delete(id)
    with pytest.raises(LeaseLost):
        queue.report(claim)
    for call in (queue.get, queue.delete, queue.cancel):
        with pytest.raises(NotFound):
            call(id)


def test_pages_are_newest_first_without_gaps_or_repeats(queue: Queue) -> None:
    ids = [submit(queue) for _ in range(7)]
    seen, before = [], None
    while page := queue.page(None, before, 3):
        seen += [job.id for job in page]
        before = page[-1].number
    assert seen == ids[::-1]


def test_a_report_without_progress_keeps_the_last_and_a_new_claim_forgets_it(queue: Queue, hasty: Queue) -> None:
    id = submit(queue)
    claim = hasty.claim("first", {"device": "cpu"})
    assert claim
    hasty.report(claim, {"iteration": 7})
    hasty.report(claim)
    assert queue.get(id).progress == {"iteration": 7}
    assert queue.claim("second", {"device": "cuda"})
    assert queue.get(id).progress is None
    assert queue.get(id).engine == {"device": "cuda"}


def test_cancel_and_finish_at_once_end_in_one_state(queue: Queue) -> None:
    for _ in range(20):
        id = submit(queue)
        claim = queue.claim("w", {})
        assert claim
        canceler = threading.Thread(target=queue.cancel, args=(id,))
        canceler.start()
        queue.succeed(claim, {"blob": "x"}, {}, "miss")
        canceler.join()
        assert queue.get(id).status == "succeeded"
