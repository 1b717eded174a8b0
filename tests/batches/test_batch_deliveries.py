"""The deliveries of a batch's pictures, and its webhook, on each kind of database."""

from __future__ import annotations

from pathlib import Path

from jobs.submitting import REQUEST, RESULT, claimed
from sqlalchemy import select
from sweep.swept import DAY_S

from service.jobs.batches import Batches, BatchItem
from service.jobs.deliveries import Deliveries
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.schema import BatchRow, DeliveryRow, JobRow
from service.worker.sweep import sweep

HOOK = "https://hooks.example.com/"


def test_the_webhook_of_a_batch_waits_for_its_deliveries_but_not_for_removed_ones(database: Database) -> None:
    batches, leases, outbox = Batches(database, Limits()), Leases(database, 60), Deliveries(database)
    to = {"url": "https://bucket.example.com/{variant}", "headers": {"X-Key": "secret"}}
    items = [BatchItem(Submission(new_id(), REQUEST, deliver=to)) for _ in range(2)]
    batch = batches.submit(new_id(), items, HOOK, None)
    for _ in items:
        claim = leases.claim("host:1", {})
        assert claim is not None
        leases.succeed(claim, RESULT)
    first = outbox.claim()
    assert first is not None
    assert (first.variant, first.headers) == (0, {"X-Key": "secret"})
    outbox.delivered(first.id)
    second = outbox.claim()
    assert second is not None
    assert second.variant == 0
    assert outbox.claim() is None  # the webhook is held
    Queue(database, Limits()).delete(second.job_id)
    hook = outbox.claim()
    assert hook is not None
    assert (hook.job_id, hook.variant) == (batch.id, None)


def test_what_expires_before_it_is_delivered_has_failed_and_its_webhook_is_sent(
    database: Database, tmp_path: Path
) -> None:
    blobs, batches, leases = Blobs((tmp_path / "blobs").as_uri()), Batches(database, Limits()), Leases(database, 60)
    outbox, to = Deliveries(database), {"url": "https://bucket.example.com/{variant}", "headers": {"X-Key": "secret"}}
    items = [BatchItem(Submission(new_id(), REQUEST, deliver=to)) for _ in range(2)]
    batch = batches.submit(new_id(), items, HOOK, None)
    Queue(database, Limits()).submit(Submission("single", REQUEST, callback_url=HOOK, deliver=to))
    for _ in range(3):
        leases.succeed(claimed(leases), RESULT)
    tried = outbox.claim()
    assert tried is not None
    outbox.failed(tried.id, 1, "it answered 503")
    with database.writing() as session:
        session.get_one(BatchRow, batch.id).finished_at = 1.0
        for row in session.scalars(select(JobRow)):
            row.finished_at = 1.0
    sweep(database, blobs, 0, DAY_S)
    hooks = {hook.job_id: hook for hook in (outbox.claim(), outbox.claim()) if hook is not None}
    assert outbox.claim() is None
    payloads = {id: hook.payload or {} for id, hook in hooks.items()}
    assert payloads[batch.id]["type"] == "batch.succeeded"
    delivery = payloads["single"]["data"]["delivery"]
    assert (delivery["status"], delivery["error"][:8]) == ("failed", "expired:")
    with database.reading() as session:
        assert {row.job_id for row in session.scalars(select(DeliveryRow))} == {batch.id, "single"}
        assert session.scalars(select(JobRow.id)).all() == []


def test_a_removed_job_leaves_neither_deliveries_nor_a_webhook_that_waits_for_them(database: Database) -> None:
    queue, leases = Queue(database, Limits()), Leases(database, 60)
    to = {"url": "https://bucket.example.com/", "headers": {}}
    queue.submit(Submission("job", REQUEST, callback_url=HOOK, deliver=to))
    claim = leases.claim("host:1", {})
    assert claim is not None
    leases.succeed(claim, RESULT)
    queue.delete("job")
    with database.reading() as session:
        assert session.scalars(select(DeliveryRow.id)).all() == []
