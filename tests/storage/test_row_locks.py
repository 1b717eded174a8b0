"""The order of row locks on PostgreSQL: what waits for a row holds none that comes after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import eventually, png
from jobs.submitting import REQUEST, RESULT, claimed
from sqlalchemy import Select, select, text, update
from sqlalchemy.orm import Session

from service.decoding.files import check_image
from service.jobs import queue as queues
from service.jobs import removal, scheduling
from service.jobs.batches import Batches, BatchItem
from service.jobs.deliveries import Deliveries
from service.jobs.idempotency import RepeatKey
from service.jobs.judging import Judgement
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.jobs.registry import WorkerRegistry
from service.jobs.tasks import JudgeTask
from service.jobs.unattended import release
from service.machine.memory import Capacity
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.left import note
from service.storage.left_schema import LeftRow
from service.storage.preset_schema import PresetRow
from service.storage.schema import BatchRow, DeliveryRow, IdempotencyRow, JobRow, WorkerRow
from service.storage.style_uses import note_uses
from service.storage.tenant_schema import KeyRow, StyleUseRow, UsageRow
from service.styles import preset_versions
from service.styles.presets import Presets
from service.tenants.keys import Keys
from service.tenants.scopes import ALL
from service.tenants.tenants import Tenants
from service.worker.sweep import sweep

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]

DAY_S = 86_400.0
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
HOOK = "https://hooks.example.com/"
DELIVER = {"url": "https://store.example.com/{variant}"}


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database, 60)


@pytest.fixture
def batch(database: Database) -> BatchRow:
    """A batch of two jobs, of which the second one comes first in the order of locks."""
    items = [BatchItem(Submission(id, REQUEST, deliver=DELIVER)) for id in ("job-2", "job-1")]
    return Batches(database, Limits()).submit("batch", items, HOOK, None)


@pytest.fixture
def ended(batch: BatchRow, leases: Leases) -> BatchRow:
    """The batch, ended with a picture of each job to deliver."""
    for claim in [claimed(leases) for _ in range(2)]:
        leases.succeed(claim, RESULT)
    return batch


def jobs(*ids: str) -> Select[Any]:
    return select(JobRow.id).where(JobRow.id.in_(ids))


def pictures(*jobs: str) -> Select[Any]:
    return select(DeliveryRow.id).where(DeliveryRow.job_id.in_(jobs), DeliveryRow.variant.is_not(None))


BATCHES, DAYS, NOTES = select(BatchRow.id), select(UsageRow.day), select(StyleUseRow.image)


def check_waits(database: Database, hold: Select[Any], do: Callable[[], object], free: Sequence[Select[Any]]) -> None:
    """Check that an operation waits for the rows of `hold`, and that until then it holds none of `free`."""
    with ThreadPoolExecutor(1) as thread:
        with database.writing() as session:
            assert session.execute(hold.with_for_update()).all()
            done = thread.submit(do)
            eventually(lambda: session.scalar(WAITING) == 1, 30, "it doesn't wait")
            for rows in free:
                assert session.execute(rows.with_for_update(nowait=True)).all()
        done.result(30)


@pytest.mark.usefixtures("ended")
def test_a_picture_s_delivery_locks_its_job_and_batch_first(database: Database) -> None:
    outbox = Deliveries(database)
    delivery = outbox.claim()
    assert delivery is not None
    one, rest = jobs(delivery.job_id), (BATCHES, pictures(delivery.job_id))
    check_waits(database, one, lambda: outbox.delivered(delivery.id), rest)


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize("ids", [["job-1", "job-2"], ["batch"]])
def test_what_expires_locks_all_its_jobs_before_batches_and_deliveries(database: Database, ids: list[str]) -> None:
    def expire() -> int:
        with database.writing() as session:
            return removal.expire(session, ids)

    check_waits(database, jobs("job-1"), expire, (jobs("job-2"), BATCHES, pictures("job-1", "job-2")))


@pytest.mark.usefixtures("ended")
def test_a_removal_locks_jobs_in_their_order(database: Database) -> None:
    def remove() -> list[str]:
        with database.writing() as session:
            return removal.remove(session, ["job-2", "job-1"])

    check_waits(database, jobs("job-1"), remove, [jobs("job-2")])


@pytest.mark.usefixtures("batch")
def test_the_leases_of_dead_workers_are_released_in_the_order_of_their_jobs(
    database: Database, leases: Leases
) -> None:
    for i in range(2):
        claimed(leases, f"host:{i}")
    check_waits(database, jobs("job-1"), lambda: release(database, ["host:0", "host:1"]), [jobs("job-2")])


@pytest.mark.usefixtures("batch")
def test_the_end_of_a_job_locks_its_batch_before_the_ledger(database: Database, leases: Leases) -> None:
    first, second = (claimed(leases) for _ in range(2))
    leases.succeed(first, RESULT)
    check_waits(database, BATCHES, lambda: leases.succeed(second, RESULT), [DAYS])


def test_a_judging_locks_the_jobs_in_their_order(
    database: Database, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "JUDGE_PATIENCE_S", -1.0)
    id = Queue(database, Limits()).submit(Submission("0", REQUEST)).id  # comes before that of the judging
    leases.succeed(claimed(leases), RESULT, then=JudgeTask(id, REQUEST))
    judging = claimed(leases)
    judge = partial(leases.judged, judging, id, Judgement([{}], "hit"))
    check_waits(database, jobs(id), judge, [jobs(judging.id)])


def test_a_preset_that_goes_locks_its_tasks_before_the_notes_of_its_pictures(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preset_versions, "KEPT", 0)
    image = check_image(png(np.zeros((20, 20, 3), np.uint8)))
    Tenants(database).add("acme")
    queue = Queue(database, Limits(), "acme")

    def warm(session: Session, row: PresetRow) -> None:
        row.learning = queue.submit_in(session, Submission(f"task-of-{row.name}", REQUEST)).id

    presets = Presets(database, Blobs(tmp_path.as_uri()), cancel=queues.cancel, tenant="acme")
    put = partial(presets.put, description="", style_images=[StyleImage(image)])
    for name in ("one", "two"):
        put(name, also=warm)
    with database.writing() as session:
        note_uses(session, [("acme", image.sha256)])
    check_waits(database, jobs("task-of-one"), partial(put, "one"), [NOTES])
    check_waits(database, jobs("task-of-two"), partial(presets.delete, "two"), [NOTES])


def test_housekeeping_waits_for_no_row(database: Database, leases: Leases, tmp_path: Path) -> None:
    """What others hold goes the next time."""
    queue, blobs, keys = Queue(database, Limits()), Blobs(tmp_path.as_uri()), Keys(database)
    key = keys.add("default", "one", ALL).row.id
    queue.submit(
        Submission("job", REQUEST, callback_url="https://hooks.example.com/", repeat=RepeatKey("", "k", "d"))
    )
    queue.cancel("job")
    tables = (DeliveryRow, IdempotencyRow, LeftRow, WorkerRow, StyleUseRow)
    with database.writing() as session:
        note(session, ["jobs/gone"])
        note_uses(session, [("acme", "1" * 64)])
        session.add(WorkerRow(id="old:1", seen_at=0.0))
        session.execute(update(DeliveryRow).values(due_at=None, created_at=0.0))
        session.execute(update(IdempotencyRow).values(created_at=0.0))
        session.execute(update(LeftRow).values(left_at=0.0))
        session.execute(update(StyleUseRow).values(gone_at=0.0))
        session.execute(update(JobRow).values(reserved=5, bytes=9))

    def tidy() -> list[int]:
        sweep(database, blobs, 0, DAY_S)
        WorkerRegistry(database).heartbeat("here:1", Capacity(None, "float32"))
        keys.touch([key])
        with database.reading() as session:
            return [len(session.scalars(select(table)).all()) for table in tables]

    with ThreadPoolExecutor(1) as thread, database.writing() as session:
        for table in (*tables, JobRow, KeyRow):
            assert session.scalars(select(table).with_for_update()).all()
        assert thread.submit(tidy).result(60) == [1, 1, 1, 2, 1]
    assert tidy() == [0, 0, 0, 1, 0]
    assert (queue.get("job").bytes, queue.get("job").reserved) == (4, 0)
