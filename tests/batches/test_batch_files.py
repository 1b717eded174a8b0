"""The files that the jobs of a batch share: how long they stay, and for how long they count."""

from __future__ import annotations

from pathlib import Path

import pytest
from batches.rows import submitted
from jobs.submitting import REQUEST
from sqlalchemy import select
from sweep.swept import DAY_S, age, keys

from service.errors import NoSpace, NotFound
from service.jobs import files_in_use
from service.jobs.batches import Batches, BatchItem
from service.jobs.files_in_use import remove_left
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.result_bytes import planned_bytes
from service.storage.blobs import Blobs
from service.storage.counted import BLOCK, ROW, row_bytes
from service.storage.database import Database
from service.storage.quota import all_bytes, bytes_of
from service.storage.schema import BatchRow, JobRow
from service.storage.tenant_amounts import amounts_of
from service.tenants.removal import remove_tenant
from service.tenants.tenants import Tenants
from service.worker.sweep import sweep

HOOK = "https://hooks.example.com/"


def test_shared_files_stay_as_long_as_their_batch(database: Database, tmp_path: Path) -> None:
    blobs, batches = Blobs((tmp_path / "blobs").as_uri()), Batches(database, Limits(retention_s=DAY_S))
    batch = submitted(batches, 1)
    (job,) = batches.items(batch)
    for folder in (batch.id, job.id):
        blobs.put(f"jobs/{folder}/file", b"1")
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == {f"jobs/{batch.id}/file", f"jobs/{job.id}/file"}
    batches.cancel(batch.id)
    with database.writing() as session:
        for row in (session.get_one(BatchRow, batch.id), session.scalars(select(JobRow)).one()):
            row.finished_at = 1.0
    with pytest.raises(NotFound):
        batches.get(batch.id)
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == set()
    with database.reading() as session:
        assert session.scalars(select(BatchRow.id)).all() == []
        assert session.scalars(select(JobRow.id)).all() == []


def test_what_its_jobs_share_counts_until_it_is_removed_with_the_batch(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_take, one, common = planned_bytes(REQUEST), BLOCK + row_bytes(REQUEST.to_json()), BLOCK + ROW
    limits = Limits(caller_bytes=common + 2 * (one + may_take))
    batches, queue = Batches(database, limits), Queue(database, Limits())
    items = [BatchItem(Submission(new_id(), REQUEST, "me", files=[10])) for _ in range(2)]
    batch = batches.submit(new_id(), items, None, None, shared=[1000])

    def counted() -> tuple[int, int, int]:
        with database.reading() as session:
            return (
                bytes_of(session, "me")["jobs"],
                all_bytes(session)["jobs"],
                amounts_of(session, "default").stored_bytes,
            )

    there = common + 2 * one
    assert counted() == (there + 2 * may_take, there, there + 2 * may_take)
    assert batches.states([batch])[batch.id].sums.usage.bytes_in == 1020
    queue.delete(items[0].new.id)
    assert counted() == (there - one + may_take, there - one, there - one + may_take)
    with pytest.raises(NoSpace):
        batches.submit(new_id(), [BatchItem(Submission(new_id(), REQUEST, "me"))], None, None, shared=[500, 500])
    batches.delete(batch.id)
    assert counted() == (0, 0, there - one)
    monkeypatch.setattr(files_in_use, "REMOVAL_S", 0.0)
    remove_left(database, Blobs("memory:///"), "default")
    assert counted() == (0, 0, there - one)
    monkeypatch.undo()
    remove_left(database, Blobs("memory:///"), "default")
    assert counted() == (0, 0, 0)


def test_a_removed_tenant_leaves_no_batch(database: Database, tmp_path: Path) -> None:
    blobs, batches = Blobs((tmp_path / "blobs").as_uri()), Batches(database, Limits())
    Tenants(database).add("acme")
    kept = submitted(batches, 1)
    gone = submitted(batches.of("acme"), 2)
    for batch in (kept, gone):
        blobs.put(f"jobs/{batch.id}/style", b"1")
    found = remove_tenant(database, blobs, "acme")
    assert (found.complete, found.counts["jobs"]) == (True, 2)
    assert keys(blobs) == {f"jobs/{kept.id}/style"}
    with database.reading() as session:
        assert session.scalars(select(BatchRow.id)).all() == [kept.id]
