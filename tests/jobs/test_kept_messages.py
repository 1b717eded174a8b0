"""A removed job leaves the webhook that is due and nothing else, which counts for its caller until it is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from jobs.submitting import REQUEST, RESULT, claimed
from sqlalchemy import func, select, update

from service.errors import LimitExceeded
from service.jobs import deliveries
from service.jobs.batches import Batches, BatchItem
from service.jobs.deliveries import BACKOFF_S, Deliveries
from service.jobs.files_in_use import remove_left
from service.jobs.leases import Leases
from service.jobs.ledger import totals
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.result_bytes import planned_bytes
from service.jobs.tasks import JudgeTask
from service.storage.blobs import Blobs
from service.storage.counted import ROW, row_bytes
from service.storage.database import Database
from service.storage.quota import bytes_of
from service.storage.schema import Base, BatchRow, DeliveryRow, IdempotencyRow, JobRow
from service.storage.tenant_amounts import amounts_of
from service.storage.tenant_limits import TenantLimits

HOOK = "https://hooks.example.com/"
OVER = [
    Deliveries.delivered,
    lambda outbox, id: outbox.given_up(id, 1, "no"),
    lambda outbox, id: outbox.failed(id, 1, "no"),
]


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database, Limits())


@pytest.fixture
def outbox(database: Database, monkeypatch: pytest.MonkeyPatch) -> Deliveries:
    """An outbox in which an attempt is the last one."""
    monkeypatch.setattr(deliveries, "BACKOFF_S", ())
    return Deliveries(database)


def ended(queue: Queue, database: Database, **terms: object) -> str:
    """The id of a job that has ended, with a webhook."""
    id = queue.submit(Submission(new_id(), REQUEST, "me", callback_url=HOOK, **terms)).id  # type: ignore[arg-type]
    Leases(database, 60).succeed(claimed(Leases(database, 60)), RESULT)
    return id


def rows(database: Database, *tables: type[Base]) -> list[int]:
    """How many rows each of these tables has."""
    with database.reading() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def counted(database: Database) -> tuple[int, int]:
    """The bytes that count for the caller and for its tenant."""
    with database.reading() as session:
        return bytes_of(session, "me")["jobs"], amounts_of(session, "default").stored_bytes


@pytest.mark.parametrize("end", OVER)
def test_a_webhook_that_is_over_goes_with_its_job(
    queue: Queue, database: Database, outbox: Deliveries, end: Callable[[Deliveries, str], None]
) -> None:
    id = ended(queue, database)
    message = outbox.claim()
    assert message is not None
    end(outbox, message.id)
    assert rows(database, DeliveryRow) == [1]
    queue.delete(id)
    assert rows(database, JobRow, DeliveryRow) == [0, 0]
    assert counted(database) == (0, 0)


@pytest.mark.parametrize("end", OVER)
def test_one_that_is_due_when_its_job_is_removed_is_sent_and_goes_then(
    queue: Queue, database: Database, outbox: Deliveries, end: Callable[[Deliveries, str], None]
) -> None:
    queue.delete(ended(queue, database))
    message = outbox.claim()
    assert message is not None
    assert message.payload is not None
    assert message.payload["type"] == "transfer.succeeded"
    assert counted(database) == (row_bytes(HOOK, message.payload),) * 2
    end(outbox, message.id)
    assert rows(database, DeliveryRow) == [0]
    assert counted(database) == (0, 0)


def test_the_webhook_of_a_batch_goes_with_it_or_when_it_is_over(database: Database, outbox: Deliveries) -> None:
    batches, leases = Batches(database, Limits()), Leases(database, 60)
    for sent_before in (True, False):
        batch = batches.submit(new_id(), [BatchItem(Submission(new_id(), REQUEST, "me"))], HOOK, None)
        assert counted(database)[0] == row_bytes(HOOK) + row_bytes(REQUEST.to_json()) + planned_bytes(REQUEST)
        leases.succeed(claimed(leases), RESULT)
        message = outbox.claim()
        assert message is not None
        if sent_before:
            outbox.delivered(message.id)
        batches.delete(batch.id)
        assert rows(database, BatchRow, DeliveryRow) == [0, 0 if sent_before else 1]
        outbox.delivered(message.id)
        assert rows(database, DeliveryRow) == [0]
        remove_left(database, Blobs("memory:///"), "default")
        assert counted(database) == (0, 0)


def test_an_attempt_that_is_not_the_last_leaves_it(queue: Queue, database: Database) -> None:
    queue.delete(ended(queue, database))
    outbox = Deliveries(database)
    message = outbox.claim()
    assert message is not None
    for attempts in range(1, len(BACKOFF_S) + 1):
        outbox.failed(message.id, attempts, "it answered 503")
        assert rows(database, DeliveryRow) == [1]


def test_webhooks_of_removed_jobs_that_nobody_takes_leave_no_room_for_more(database: Database) -> None:
    some = row_bytes(REQUEST.to_json(), HOOK) + planned_bytes(REQUEST) + 20_000
    queue = Queue(database, Limits(tenant=TenantLimits(stored_mb=some / 2**20)))
    with pytest.raises(LimitExceeded) as caught:
        for _ in range(20):
            queue.delete(ended(queue, database))
    assert (caught.value.limit, caught.value.retry_after) == ("stored_mb", 3600.0)
    assert rows(database, JobRow) == [0]
    assert 1 < rows(database, DeliveryRow)[0] < 20
    outbox = Deliveries(database)
    while (message := outbox.claim()) is not None:
        outbox.delivered(message.id)
    ended(queue, database)


def test_pictures_that_are_delivered_count_for_their_caller_until_they_are(queue: Queue, database: Database) -> None:
    to = {"url": "https://bucket.example.com/out?signature=x", "headers": {"X-Acl": "private"}}
    ended(queue, database, deliver=to)
    outbox, job = Deliveries(database), row_bytes(REQUEST.to_json(), to, HOOK)
    with database.reading() as session:
        hook = session.scalars(select(DeliveryRow).where(DeliveryRow.variant.is_(None))).one()
    picture = outbox.claim()
    assert picture is not None
    assert counted(database)[0] == job + row_bytes(HOOK, hook.payload) + row_bytes(to["url"], to["headers"])
    outbox.delivered(picture.id)
    let_go = outbox.claim()
    assert let_go is not None
    assert let_go.payload != hook.payload  # it tells of the delivery
    assert counted(database)[0] == job + row_bytes(HOOK, let_go.payload) + ROW


def test_the_measuring_of_losses_goes_with_its_transfer(queue: Queue, database: Database) -> None:
    leases = Leases(database, 60)
    for then in ("ended", "running", "waiting"):
        transfer = queue.submit(Submission(new_id(), REQUEST, "me"))
        leases.succeed(claimed(leases), RESULT, then=JudgeTask(transfer.id, REQUEST))
        with database.writing() as session:
            session.execute(update(JobRow).values(created_at=1.0))  # it isn't claimed at once
        if then != "waiting":
            judging = claimed(leases)
            judging.meter.evaluated = 10**6
            leases.report(judging)
        if then == "ended":
            leases.cancel(judging)
        assert rows(database, JobRow) == [2]
        queue.delete(transfer.id)
        assert rows(database, JobRow, IdempotencyRow) == [0, 0]
        assert counted(database) == (0, 0)
    with database.reading() as session:
        (found,) = totals(session, "default", date(2000, 1, 1), date(9999, 1, 1), by_day=False)
    assert (found["jobs"], found["megapixel_evaluations"]) == (3, 2.0)
