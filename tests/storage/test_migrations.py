"""Every database comes to today's schema, whichever version made it and however many open it, or is left alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, select, text

from scripts import revision
from service.errors import DatabaseError
from service.pictures.style_image import StyleImage
from service.storage.database import Database
from service.storage.migrations import upgrade
from service.storage.pictures import StoredImage
from service.storage.records import JobProgress, PaintedPicture, TransferResult
from service.storage.schema import Base, BatchRow, JobRow, PresetRow, SecretRow, WorkerRow
from service.storage.tenant_schema import TenantRow

ROOT = Path(__file__).resolve().parent.parent.parent
OLD = (Path(__file__).parent / "revision_0001.sql").read_text()
WORDS: dict[str, dict[str, str | int]] = {
    "sqlite": {"double": "DOUBLE", "counter": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "false": 0, "true": 1},
    "postgresql": {"double": "DOUBLE PRECISION", "counter": "SERIAL PRIMARY KEY", "false": "false", "true": "true"},
}

OPEN_AT_ONCE = """
import multiprocessing, sys
import alembic.command, psycopg
from service.storage.database import Database

def open_it(barrier, url):
    barrier.wait()
    Database(url).close()

start = multiprocessing.get_context("fork")
barrier = start.Barrier(8)
openers = [start.Process(target=open_it, args=(barrier, sys.argv[1])) for _ in range(8)]
for opener in openers:
    opener.start()
for opener in openers:
    opener.join()
print([opener.exitcode for opener in openers])
"""


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A look at the database past the service, each statement a transaction of its own."""
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def old_url(database_url: str, connection: Connection) -> str:
    """A database with rows of the version before there were migrations."""
    for statement in OLD.format(**WORDS[connection.dialect.name]).split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
    return database_url


def tables(connection: Connection) -> dict[str, set[str]]:
    inspector = inspect(connection)
    return {
        table: {column["name"] for column in inspector.get_columns(table)} for table in inspector.get_table_names()
    }


def contents(connection: Connection) -> dict[str, list[Any]]:
    return {table: list(connection.execute(text(f"SELECT * FROM {table}"))) for table in tables(connection)}  # noqa: S608


def with_scripts_of(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Let Alembic read a copy of the revisions from there."""
    shutil.copytree(Path(upgrade.__file__).parent, folder)
    original = upgrade.alembic_config

    def config(connection: Connection) -> Any:
        changed = original(connection)
        changed.set_main_option("script_location", str(folder))
        return changed

    monkeypatch.setattr(upgrade, "alembic_config", config)
    monkeypatch.setattr(revision, "alembic_config", config)
    return folder / "versions"


def edit(script: Path, old: str, new: str) -> None:
    """Replace what must be there once."""
    source = script.read_text()
    assert source.count(old) == 1
    script.write_text(source.replace(old, new))


def test_a_migrated_database_is_what_the_models_say(database_url: str, connection: Connection) -> None:
    Database(database_url).close()
    assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


@pytest.mark.parametrize("revision", upgrade.REVISIONS[:-1])
@pytest.mark.slow
def test_a_database_of_any_revision_becomes_what_the_models_say(
    database_url: str, connection: Connection, revision: str
) -> None:
    with connection.engine.begin() as transaction:
        command.upgrade(upgrade.alembic_config(transaction), revision)
    Database(database_url).close()
    assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_revisions_are_one_line_in_the_order_of_the_list() -> None:
    with create_engine("sqlite://").connect() as connection:
        scripts = ScriptDirectory.from_config(upgrade.alembic_config(connection))
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == upgrade.REVISIONS


def test_a_database_without_a_revision_is_known_by_the_columns_of_the_first(connection: Connection) -> None:
    with connection.engine.begin() as transaction:
        command.upgrade(upgrade.alembic_config(transaction), upgrade.REVISIONS[0])
    assert {name: columns for name, columns in tables(connection).items() if name != "alembic_version"} == (
        upgrade.UNVERSIONED
    )


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


def test_a_process_of_the_version_before_can_still_write(old_url: str, connection: Connection) -> None:
    Database(old_url).close()
    insert = next(statement for statement in OLD.split(";\n") if "'queued', 'queued'" in statement)
    connection.exec_driver_sql(
        insert.replace("'queued', 'queued'", "'late', 'queued'").format(**WORDS[connection.dialect.name])
    )
    assert connection.scalar(text("SELECT owner FROM jobs WHERE id = 'late'")) == ""


def test_opening_again_changes_nothing(old_url: str, connection: Connection) -> None:
    Database(old_url).close()
    before = contents(connection)
    assert before["alembic_version"] == [(upgrade.HEAD,)]
    Database(old_url).close()
    assert contents(connection) == before


def test_a_database_that_is_up_to_date_is_opened_while_another_process_writes(database_url: str) -> None:
    database = Database(database_url)
    with database.writing() as session:
        session.add(SecretRow(name="a", value="b"))
        session.flush()
        Database(database_url).close()
    database.close()


@pytest.mark.slow
def test_a_database_that_is_up_to_date_is_opened_without_alembic(database_url: str) -> None:
    Database(database_url).close()
    script = (
        "import sys\nfrom service.storage.database import Database\n"
        "Database(sys.argv[1]).close()\nassert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, database_url], cwd=ROOT, check=True)


@pytest.mark.slow
def test_eight_processes_may_open_an_empty_database_at_once(database_url: str, connection: Connection) -> None:
    opened = subprocess.run(
        [sys.executable, "-c", OPEN_AT_ONCE, database_url], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert opened.stdout == f"{[0] * 8}\n", opened.stderr
    assert contents(connection)["alembic_version"] == [(upgrade.HEAD,)]


@pytest.mark.slow
def test_eight_processes_may_open_an_old_database_at_once(old_url: str, connection: Connection) -> None:
    opened = subprocess.run(
        [sys.executable, "-c", OPEN_AT_ONCE, old_url], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert opened.stdout == f"{[0] * 8}\n", opened.stderr
    assert len(contents(connection)["jobs"]) == 3


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE jobs ADD COLUMN surprise INTEGER", "ALTER TABLE roll DROP COLUMN precision", "DROP TABLE presets"],
)
def test_tables_of_an_unknown_version_are_left_alone(old_url: str, connection: Connection, change: str) -> None:
    connection.exec_driver_sql(change)
    before = contents(connection)
    with pytest.raises(DatabaseError, match=r"can't be opened: .*unknown version.*(jobs|roll|presets).* NST_DATA"):
        Database(old_url)
    assert contents(connection) == before


def test_a_database_of_a_newer_version_is_left_alone(database_url: str, connection: Connection) -> None:
    Database(database_url).close()
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = contents(connection)
    with pytest.raises(DatabaseError, match=f"revision 9999, but this version .* {upgrade.HEAD}: start"):
        Database(database_url)
    assert contents(connection) == before


def test_a_migration_that_fails_leaves_everything_as_it_was(
    old_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = contents(connection)
    with monkeypatch.context() as patched:
        versions = with_scripts_of(patched, tmp_path / "migrations")
        (last,) = versions.glob(f"r{upgrade.HEAD}_*.py")
        edit(last, "def upgrade() -> None:", "def _change() -> None:")
        with last.open("a") as file:
            file.write("\n\ndef upgrade() -> None:\n    _change()\n    op.execute('SELECT * FROM nowhere')\n")
        with pytest.raises(DatabaseError, match="nowhere"):
            Database(old_url)
    assert contents(connection) == before
    Database(old_url).close()
    assert {"owner", "kind"} <= tables(connection)["jobs"]


def test_a_new_revision_is_written_for_what_the_models_have_and_the_others_lack(
    database_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    versions = with_scripts_of(monkeypatch, tmp_path / "migrations")
    edit(versions / "r0016_batches.py", 'sa.Column("callback_url", sa.String()),', "")
    revision.main("Traces again")
    new = f"{int(upgrade.HEAD) + 1:04d}"
    (written,) = versions.glob(f"r{new}_traces_again.py")
    assert written.read_text().startswith('"""Traces again."""\n\nimport sqlalchemy as sa\n')
    monkeypatch.setattr(upgrade, "REVISIONS", (*upgrade.REVISIONS, new))
    monkeypatch.setattr(upgrade, "HEAD", new)
    assert "add_column(sa.Column('callback_url'" in written.read_text()
    Database(database_url).close()
    assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


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
