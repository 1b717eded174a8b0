"""The rows of earlier versions after their migration."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import Connection, select, text

from service.pictures.style_image import StyleImage
from service.storage.database import Database
from service.storage.migrations import upgrade
from service.storage.preset_schema import PresetRow
from service.storage.records import JobProgress, PaintedPicture, TransferResult
from service.storage.schema import BatchRow, JobRow, WorkerRow
from service.storage.stored_files import StoredImage
from service.storage.tenant_schema import TenantRow


def test_an_old_database_keeps_its_rows(old_url: str) -> None:
    database = Database(old_url)
    with database.reading() as session:
        jobs = {job.id: job for job in session.scalars(select(JobRow))}
        preset = session.get_one(PresetRow, ("default", "waves"))
        worker = session.get_one(WorkerRow, "host:1")
    database.close()
    shown = (StyleImage(StoredImage("styles/v1/0")),)
    assert (preset.version, preset.images, preset.created_at) == ("v1", shown, 1.5)
    assert (worker.memory, worker.precision) == (10**12, "bfloat16")
    assert {(job.number, job.id, job.status) for job in jobs.values()} == {
        (1, "done", "succeeded"),
        (2, "running", "running"),
        (3, "queued", "queued"),
    }
    done, running = jobs["done"], jobs["running"]
    assert (done.created_at, done.finished_at, done.request) == (1700000000.25, 1700000009.5, {"size": 256})
    made = TransferResult((PaintedPicture("jobs/done/output"),), 0)
    assert (done.progress, done.transfer_result, done.style_cache) == (JobProgress(fraction=1.0), made, "miss")
    assert (running.cancel_requested, running.worker, running.fence) == (True, "host:1", 3)
    assert (running.attempts, running.lease_until, done.cancel_requested) == (1, 1700000123, False)


def test_an_old_row_is_given_what_it_lacked(old_url: str) -> None:
    database = Database(old_url)
    with database.reading() as session:
        preset = session.get_one(PresetRow, ("default", "waves"))
        assert (preset.pack, preset.warm) == (None, None)
        for job in session.scalars(select(JobRow)):
            assert (job.kind, job.owner, job.priority, job.events) == ("transfer", "", 0, 0)
            assert (job.deadline_at, job.callback_url, job.preview, job.checkpoint) == (None, None, None, None)
    database.close()


def test_the_numbers_of_jobs_go_on_where_they_were(old_url: str) -> None:
    """The number of a deleted job is not given again."""
    database = Database(old_url)
    with database.writing() as session:
        job = JobRow(id="new", status="queued", request={}, created_at=1.0)
        session.add(job)
    database.close()
    assert job.number == 5


@pytest.mark.slow
def test_batches_get_the_status_that_their_jobs_say(database_url: str, connection: Connection) -> None:
    with connection.engine.begin() as transaction:
        command.upgrade(upgrade.alembic_config(transaction), "0017")
    batch = text(
        "INSERT INTO batches (id, tenant, owner, total, cancel_requested, created_at, finished_at) "
        "VALUES (:id, 'default', '', 2, :canceled, 1, :end)"
    )
    job = text(
        "INSERT INTO jobs (id, kind, status, request, owner, priority, created_at, started_at, events, "
        "cancel_requested, fence, attempts, batch, batch_index) "
        "VALUES (:id, 'transfer', :status, '{}', '', 0, 1, :begun, 0, false, 0, 0, :id, 0)"
    )
    for id, status, begun, end, canceled in (
        ("queued", "queued", None, None, False),
        ("running", "queued", 2.0, None, False),
        ("succeeded", "succeeded", 2.0, 3.0, False),
        ("failed", "failed", 2.0, 3.0, False),
        ("canceled", "succeeded", 2.0, 3.0, True),
    ):
        connection.execute(batch, {"id": id, "end": end, "canceled": canceled})
        connection.execute(job, {"id": id, "status": status, "begun": begun})
    database = Database(database_url)
    with database.reading() as session:
        assert all(row.status == row.id and row.sums is None for row in session.scalars(select(BatchRow)))
    database.close()


def test_presets_of_the_first_start_are_shared_and_all_else_is_the_default_tenant_s(
    database_url: str, connection: Connection
) -> None:
    with connection.engine.begin() as transaction:
        command.upgrade(upgrade.alembic_config(transaction), "0008")
    connection.execute(text("INSERT INTO marks (name, made_at) VALUES ('starters', 1700000000.123)"))
    preset = text(
        "INSERT INTO presets (name, version, description, images, owner, created_at) "
        "VALUES (:name, :name, '', '[]', :owner, :time)"
    )
    for name, owner, time in (
        ("starter", "", 1700000000.123),
        ("replaced", "key:1", 1700000000.123),
        ("before-owners", "", 1600000000.0),
    ):
        connection.execute(preset, {"name": name, "owner": owner, "time": time})
    database = Database(database_url)
    with database.reading() as session:
        rows = {row.name: row for row in session.scalars(select(PresetRow))}
        tenants = list(session.scalars(select(TenantRow.name)))
    database.close()
    assert {name: (row.tenant, row.shared) for name, row in rows.items()} == {
        "starter": ("default", True),
        "replaced": ("default", False),
        "before-owners": ("default", False),
    }
    assert tenants == ["default"]
