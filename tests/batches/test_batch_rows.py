"""The rows and files of batches, on each kind of database."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from batches.rows import submitted
from jobs.submitting import REQUEST, RESULT, claimed
from sqlalchemy import select, text, update
from sqlalchemy.orm.exc import DetachedInstanceError
from sweep.swept import DAY_S

from service.errors import InvalidInput, JobFailed, NotFound, QueueFull, TooManyJobs
from service.jobs.batch_course import batch_json
from service.jobs.batches import Batches, BatchItem
from service.jobs.idempotency import RepeatKey
from service.jobs.leases import Leases
from service.jobs.ledger import totals
from service.jobs.limits import MAX_ITEMS, Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import TransferRequest
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.records import JobUsage
from service.storage.schema import REQUESTS_AT_ONCE, BatchRow, DeliveryRow, JobRow
from service.telemetry.instruments import REGISTRY
from service.tenants.tenants import Tenants
from service.worker import sweep as sweeping
from service.worker.sweep import sweep

HOOK = "https://hooks.example.com/"


def test_two_workers_that_end_the_last_two_jobs_end_the_batch_once(database: Database) -> None:
    batches, leases = Batches(database, Limits()), Leases(database, 60)
    for _ in range(10):
        batch = submitted(batches, 2, hook=HOOK)
        claims = [leases.claim(f"host:{i}", {}) for i in range(2)]
        start = threading.Barrier(2)

        def end(i: int) -> None:
            start.wait()  # noqa: B023 - the threads end within the loop
            claim = claims[i]  # noqa: B023
            assert claim is not None
            leases.succeed(claim, RESULT)

        threads = [threading.Thread(target=end, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert batches.get(batch.id).finished_at is not None
        with database.reading() as session:
            hooks = session.scalars(select(DeliveryRow).where(DeliveryRow.job_id == batch.id)).all()
        assert [hook.payload["type"] for hook in hooks] == ["batch.succeeded"]


def test_a_batch_that_is_canceled_before_it_begins_says_so_in_its_webhook(database: Database) -> None:
    batches = Batches(database, Limits())
    unfinished = submitted(batches, 2, hook=HOOK)
    assert batches.cancel(unfinished.id).cancel_requested
    half = [Submission(new_id(), REQUEST) for _ in range(2)]
    problem = InvalidInput.field("content", "is no picture").problem()
    failed = batches.submit(new_id(), [BatchItem(half[0], problem), BatchItem(half[1])], HOOK, None)
    batches.cancel(failed.id)
    with database.reading() as session:
        for batch in (unfinished, failed):
            hook = session.scalars(select(DeliveryRow).where(DeliveryRow.job_id == batch.id)).one()
            assert (hook.payload["type"], hook.payload["data"]["status"]) == ("batch.canceled", "canceled")


def test_a_batch_runs_from_its_first_job_that_runs_until_its_last_has_ended(database: Database) -> None:
    batches, leases = Batches(database, Limits()), Leases(database, 60)
    problem = InvalidInput.field("content", "is no picture").problem()
    jobs = [Submission(new_id(), REQUEST) for _ in range(3)]
    batch = batches.submit(new_id(), [BatchItem(jobs[0], problem), *map(BatchItem, jobs[1:])], None, None)
    assert batches.get(batch.id).status == "queued"
    first = claimed(leases)
    assert batches.get(batch.id).status == "running"
    leases.give_back(first)
    assert batches.get(batch.id).status == "running"
    for claim in [claimed(leases) for _ in range(2)]:
        assert (batches.get(batch.id).status, batches.get(batch.id).finished_at) == ("running", None)
        leases.succeed(claim, RESULT)
    ended = batches.get(batch.id)
    assert (ended.status, ended.finished_at is None) == ("succeeded", False)


def test_an_ended_batch_stays_as_it_was_whatever_is_removed_of_it(database: Database) -> None:
    batches, queue, leases = Batches(database, Limits()), Queue(database, Limits()), Leases(database, 60)
    batch = submitted(batches, 3)
    jobs = [claimed(leases) for _ in range(3)]
    leases.fail(jobs[0], JobFailed("it did not go well"))
    leases.succeed(jobs[1], RESULT, files=[100])
    leases.succeed(jobs[2], RESULT, files=[10])
    ended = batches.get(batch.id)
    state = batches.states([ended])[batch.id]
    assert ended.sums == state.sums
    assert (state.sums.counts["succeeded"], state.sums.counts["failed"]) == (2, 1)
    assert (state.sums.usage.bytes_out, state.sums.cost > 0, state.fraction) == (110, True, 1.0)
    for job in jobs[1:]:
        queue.delete(job.id)
    again = batches.get(batch.id)
    assert (again.status, again.finished_at) == ("succeeded", ended.finished_at)
    assert batches.states([again])[batch.id] == state
    assert batch_json(again, state.sums) == batch_json(ended, state.sums)


def test_what_is_no_amount_counts_as_0_in_the_sums(database: Database) -> None:
    usages = [
        '{"megapixel_evaluations": 2, "compute_s": 1.5, "bytes_in": 3, "bytes_out": 4}',
        '{"megapixel_evaluations": true, "compute_s": "soon", "bytes_in": -5, "bytes_out": 7}',
        '{"compute_s": null}',
        "[7]",
        '{"compute_s": 1',
        None,
    ]
    batches = Batches(database, Limits())
    batch = submitted(batches, len(usages))
    with database.writing() as session:
        if session.get_bind().dialect.name == "postgresql":
            usages.remove('{"compute_s": 1')  # which it doesn't take
        for index, usage in enumerate(usages):
            change = text("UPDATE jobs SET usage = :usage WHERE batch_index = :index")
            session.execute(change, {"usage": usage, "index": index})
    assert batches.states([batch])[batch.id].sums.usage == JobUsage(2.0, 1.5, 3, 11)


def test_a_batch_that_a_worker_of_an_earlier_version_ended_is_what_its_jobs_are(database: Database) -> None:
    batches, leases = Batches(database, Limits()), Leases(database, 60)
    batch = submitted(batches, 1)
    leases.succeed(claimed(leases), RESULT)
    with database.writing() as session:
        row = session.get_one(BatchRow, batch.id)
        row.status, row.sums = "running", None  # which it doesn't know
    found = batches.get(batch.id)
    sums = batches.states([found])[batch.id].sums
    assert (sums.counts["succeeded"], batch_json(found, sums)["status"]) == (1, "succeeded")


def test_sweeps_mend_the_batches_that_workers_of_earlier_versions_ended(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "MENDED", 1)
    batches, queue, leases = Batches(database, Limits()), Queue(database, Limits()), Leases(database, 60)
    blobs = Blobs((tmp_path / "blobs").as_uri())
    ended, running = [submitted(batches, 1).id for _ in range(2)], submitted(batches, 1).id
    claims = [claimed(leases) for _ in range(3)]
    for claim in claims[:2]:
        leases.succeed(claim, RESULT)
    with database.writing() as session:
        session.execute(update(BatchRow).values(status="running", sums=None))
    for mended in (1, 2):
        sweep(database, blobs, 0, DAY_S)
        assert [row.id for row in batches.page("succeeded", None, 9)] == ended[: -mended - 1 : -1]
    assert [row.id for row in batches.page("running", None, 9)] == [running]
    queue.delete(claims[0].id)
    assert batches.states([batches.get(ended[0])])[ended[0]].sums.counts["succeeded"] == 1


def test_batches_come_in_pages_newest_first(database: Database) -> None:
    batches, queue, leases = Batches(database, Limits()), Queue(database, Limits()), Leases(database, 60)
    ids = [submitted(batches, 1).id for _ in range(3)]
    Tenants(database).add("acme")
    submitted(batches.of("acme"), 1)
    leases.succeed(claimed(leases), RESULT)
    with database.writing() as session:
        for id in ids[1:]:
            session.get_one(BatchRow, id).created_at = 5.0  # at the same time, both before the first
    newest, *older = [ids[0], *sorted(ids[1:], reverse=True)]
    page = batches.page(None, None, 2)
    assert [row.id for row in page] == [newest, older[0]]
    assert [row.id for row in batches.page(None, (page[1].created_at, page[1].id), 2)] == [older[1]]
    assert [row.id for row in batches.page("succeeded", None, 9)] == [ids[0]]
    assert {row.id for row in batches.page("queued", None, 9)} == set(ids[1:])
    last = batches.last_waiting(ids)
    assert {batch: queue.get(id).batch for batch, id in last.items()} == {id: id for id in ids[1:]}


def test_the_requests_of_a_list_are_read_some_at_a_time(database: Database) -> None:
    batches = Batches(database, Limits())
    rows = batches.items(submitted(batches, REQUESTS_AT_ONCE + 2))
    with pytest.raises(DetachedInstanceError, match="request"):
        rows[0].request  # noqa: B018 - it isn't there
    found = batches.with_requests(rows)
    assert next(found) == (rows[0], REQUEST)
    Queue(database, Limits()).delete(rows[-1].id)
    assert [row.id for row, _ in found] == [row.id for row in rows[1:-1]]


def test_callers_take_turns_with_a_batch_as_with_single_jobs(database: Database) -> None:
    batches, queue, leases = Batches(database, Limits()), Queue(database, Limits()), Leases(database, 60)
    submitted(batches, 3, "many")
    queue.submit(Submission("single", REQUEST, "one"))
    order = []
    for _ in range(4):
        claim = leases.claim("host:1", {})
        assert claim is not None
        order.append(queue.get(claim.id).owner)
    assert order == ["many", "one", "many", "many"]


def test_a_key_belongs_to_a_batch_or_to_a_job(database: Database) -> None:
    batches, queue = Batches(database, Limits()), Queue(database, Limits())
    key = RepeatKey("me", "k", "batch:1")
    batch = submitted(batches, 2, "me", key)
    assert submitted(batches, 2, "me", key).id == batch.id
    assert len(batches.items(batch)) == 2
    with pytest.raises(InvalidInput):
        queue.submit(Submission("x", REQUEST, "me", repeat=RepeatKey("me", "k", "other")))
    batches.delete(batch.id)
    assert submitted(batches, 1, "me", key).id != batch.id


def test_so_many_jobs_of_batches_may_wait(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_ITEMS >= 500
    monkeypatch.setattr("service.jobs.limits.MAX_ITEMS", 5)
    batches = Batches(database, Limits(queue=3, caller=3))
    submitted(batches, 3, "me")
    with pytest.raises(TooManyJobs, match="3 pictures of your batches wait"):
        submitted(batches, 3, "me")
    submitted(batches, 2, "me")
    submitted(batches, 3, "other")
    with pytest.raises(Exception, match="NST_QUEUE_LIMIT"):
        submitted(batches, 1, "third")


def test_so_many_jobs_of_batches_may_wait_in_total(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.jobs.limits.MAX_ALL_ITEMS", 4)
    batches = Batches(database, Limits())
    first = submitted(batches, 3, "me")
    for refused in (lambda: submitted(batches, 2, "other"), lambda: batches.check_limits("other", 2)):
        with pytest.raises(QueueFull, match="3 pictures of batches wait, and 4 may; this batch would add 2"):
            refused()
    batches.cancel(first.id)
    submitted(batches, 4, "other")


def test_other_tenants_have_no_such_batch(database: Database) -> None:
    batches = Batches(database, Limits())
    batch = submitted(batches, 1)
    for act in (batches.of("acme").get, batches.of("acme").cancel, batches.of("acme").delete):
        with pytest.raises(NotFound):
            act(batch.id)
    assert batches.get(batch.id).finished_at is None


def test_what_failed_when_it_was_sent_is_counted_and_logged(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def counted() -> list[float]:
        ended = REGISTRY.get_sample_value("nst_jobs_ended_total", {"kind": "transfer", "status": "failed"})
        causes = [{"kind": "transfer", "cause": cause} for cause in ("refused", "invalid-input")]
        found = [REGISTRY.get_sample_value("nst_job_failures_total", labels) for labels in causes]
        return [value or 0.0 for value in (ended, *found)]

    before = counted()
    bad, good = (Submission(new_id(), REQUEST, "me") for _ in range(2))
    items = [BatchItem(bad, InvalidInput.field("content", "is no picture").problem()), BatchItem(good)]
    Batches(database, Limits()).submit(new_id(), items, None, None)
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1, 0]
    assert f"job {bad.id}: failed (content: is no picture)" in caplog.text
    with database.reading() as session:
        (found,) = totals(session, "default", date(2020, 1, 1), date(2100, 1, 1), by_day=False)
    assert found["jobs"] == 1


def test_rows_are_made_before_others_have_to_wait_and_their_times_count_from_then(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    class Observed(TransferRequest):
        def to_json(self) -> dict[str, Any]:
            steps.append("row")
            return super().to_json()

    monkeypatch.setattr("service.jobs.batches.advisory_lock", lambda *_: steps.append("lock"))
    request = Observed(REQUEST.content, REQUEST.base)
    items = [BatchItem(Submission(new_id(), request, deadline_s=60)) for _ in range(2)]
    bad = BatchItem(Submission(new_id(), request), InvalidInput.field("content", "is no picture").problem())
    batch = Batches(database, Limits()).submit(new_id(), [*items, bad], None, None)
    assert steps == ["row", "row", "row", "lock"]
    with database.reading() as session:
        rows = session.scalars(select(JobRow).order_by(JobRow.batch_index)).all()
    assert [row.created_at for row in rows] == [batch.created_at] * 3
    assert [row.deadline_at for row in rows] == [batch.created_at + 60] * 2 + [None]
    assert [row.finished_at for row in rows] == [None, None, batch.created_at]
