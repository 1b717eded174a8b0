"""The queue as callers use it, over every kind of database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from jobs.submitting import RESULT, claimed, submit
from sqlalchemy import Engine, event

from service.errors import NotFound, QueueFull, TooManyJobs
from service.jobs.leases import LeaseLost, Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.jobs.speed import measured
from service.jobs.stats import queue_stats
from service.storage.database import Database
from service.storage.lanes import ENGINE
from service.storage.records import JobCheckpoint, JobProgress, Preview
from service.storage.schema import JobRow


def test_cancel_ends_a_waiting_job_asks_a_running_one_and_leaves_an_ended_one(queue: Queue, leases: Leases) -> None:
    running, waiting = submit(queue), submit(queue)
    claim = claimed(leases)
    assert claim.id == running
    assert leases.report(claim).cancel_requested is False
    assert queue.cancel(waiting).status == "canceled"
    assert queue.cancel(running).status == "running"
    assert leases.report(claim).cancel_requested is True
    leases.succeed(claim, RESULT)  # it finished before it saw that
    assert queue.cancel(running).status == "succeeded"
    assert leases.claim("w:1", {}) is None


def test_a_deleted_job_is_gone_for_its_worker_too(queue: Queue, leases: Leases) -> None:
    id = submit(queue)
    claim = claimed(leases)
    queue.delete(id)
    with pytest.raises(LeaseLost):
        leases.report(claim)
    for call in (queue.get, queue.delete, queue.cancel):
        with pytest.raises(NotFound):
            call(id)


def test_pages_are_newest_first_without_gaps_or_repeats(database: Database, queue: Queue) -> None:
    """Though some came at the same time, and that where a page ended is deleted."""
    times = {submit(queue): float(k // 2) for k in range(7)}
    with database.writing() as session:
        for row in session.query(JobRow):
            row.created_at = times[row.id]
    seen, before = [], None
    while page := queue.page(None, before, 3):
        seen += [(job.created_at, job.id) for job in page]
        before = seen[-1]
        queue.delete(before[1])
    assert seen == sorted(((time, id) for id, time in times.items()), reverse=True)


def test_pages_can_be_of_one_state(queue: Queue, leases: Leases) -> None:
    running, waiting = submit(queue), submit(queue)
    claimed(leases)
    assert [job.id for job in queue.page("running", None, 9)] == [running]
    assert [job.id for job in queue.page("queued", None, 9)] == [waiting]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("status", [None, "failed"])
def test_a_page_does_not_go_through_the_jobs_of_batches(database: Database, queue: Queue, status: str | None) -> None:
    found = plan(database, lambda: queue.page(status, (9.0, "a"), 9))
    assert found == ["SEARCH jobs USING INDEX jobs_listed (tenant=? AND kind=? AND (created_at,id)<(?,?))"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_post_does_not_go_through_the_waiting_jobs_of_batches(database: Database, queue: Queue) -> None:
    found = plan(database, lambda: queue.check_limits("a"))
    assert [step for step in found if " jobs " in step] == [
        "SEARCH jobs USING COVERING INDEX jobs_waiting (status=? AND batch=?)",
        "SEARCH jobs USING COVERING INDEX jobs_waiting (status=? AND batch=? AND owner=?)",
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_results_may_take_is_summed_in_an_index(database: Database, queue: Queue) -> None:
    assert plan(database, queue.reserved_bytes) == ["SEARCH jobs USING COVERING INDEX jobs_by_reserved (reserved>?)"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_tells_the_speed_of_a_lane_is_found_without_a_look_at_other_jobs(database: Database) -> None:
    def look() -> None:
        with database.reading() as session:
            measured(session, ENGINE)

    assert [step for step in plan(database, look) if " jobs " in step] == [
        "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH jobs USING INDEX jobs_painted (lane=?)",
    ]


def plan(database: Database, call: Callable[[], object]) -> Sequence[str]:
    """The steps by which SQLite carries out the last statement of a call."""
    sent = list[tuple[str, Any]]()
    note = lambda *args: sent.append(args[2:4])  # noqa: E731
    event.listen(Engine, "before_cursor_execute", note)
    call()
    event.remove(Engine, "before_cursor_execute", note)
    statement, values = sent[-1]
    with database.reading() as session:
        return session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).scalars(3).all()


def test_a_full_queue_takes_no_more_until_a_job_is_taken_up(database: Database, leases: Leases) -> None:
    queue = Queue(database, Limits(queue=3, caller=2))
    submit(queue, "a")
    submit(queue, "a")
    submit(queue, "b")
    for refused in (lambda: submit(queue, "c"), lambda: queue.check_limits("c")):
        with pytest.raises(QueueFull) as full:
            refused()
        assert full.value.retry_after and 1 <= full.value.retry_after <= 60
    claimed(leases)
    submit(queue, "c")


def test_one_caller_may_not_fill_the_queue(database: Database) -> None:
    queue = Queue(database, Limits(queue=9, caller=2))
    for _ in range(2):
        submit(queue, "greedy")
    for refused in (lambda: submit(queue, "greedy"), lambda: queue.check_limits("greedy")):
        with pytest.raises(TooManyJobs) as many:
            refused()
        assert many.value.retry_after
    submit(queue, "modest")
    assert queue_stats(database).open["transfer", "engine", "queued"] == 3


def test_events_are_counted_where_something_can_be_seen(queue: Queue, leases: Leases) -> None:
    id = submit(queue)
    seen = [queue.event_counts([id, "unknown"])]
    claim = claimed(leases)
    said: list[dict[str, Any]] = [
        {},
        {"progress": JobProgress(1)},
        {"preview": Preview()},
        {"checkpoint": JobCheckpoint()},
    ]
    for fields in said:
        seen.append(queue.event_counts([id]))
        leases.report(claim, **fields)
    leases.succeed(claim, RESULT)
    seen.append(queue.event_counts([id]))
    assert [counts[id] for counts in seen] == [0, 1, 1, 2, 3, 4]
    job = queue.get(id)
    assert job.progress is not None
    assert job.preview is not None
    assert (job.progress.event, job.preview.event) == (2, 3)
