"""Transactions over both databases: writers take turns, nothing is lost, and failures are storage errors."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from service.errors import DatabaseError, StorageError
from service.pictures.style_image import StyleImage
from service.storage.database import Database, _prepare_sqlite, advisory_lock, now
from service.storage.preset_schema import PresetRow
from service.storage.schema import SecretRow, WorkerRow
from service.storage.stored_files import StoredImage

HIDDEN = "s3cr3t"
ROOT = Path(__file__).resolve().parent.parent.parent

COUNT_UP = """
import sys
from service.storage.database import Database, advisory_lock
from service.storage.schema import WorkerRow

database = Database(sys.argv[1])
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with database.writing() as session:
        advisory_lock(session, "counter")
        session.get(WorkerRow, "counter").seen_at += 1
database.close()
"""


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/data/service.db")
    yield database
    database.close()


def put(database: Database, id: str, seen_at: float) -> None:
    with database.writing() as session:
        session.merge(WorkerRow(id=id, seen_at=seen_at))


def get(database: Database, id: str) -> float | None:
    with database.reading() as session:
        row = session.get(WorkerRow, id)
    return None if row is None else row.seen_at


def test_a_database_is_made_with_its_tables(database: Database) -> None:
    with database.reading() as session:
        assert list(session.scalars(select(PresetRow))) == []


def test_sqlite_is_made_with_its_folder(sqlite: Database, tmp_path: Path) -> None:
    assert (tmp_path / "data" / "service.db").is_file()


def test_what_one_wrote_another_reads(database: Database, database_url: str) -> None:
    put(database, "worker", 7.0)
    other = Database(database_url)
    assert get(other, "worker") == 7.0
    other.close()


def test_sqlite_keeps_a_write_ahead_log_and_syncs_it(sqlite: Database) -> None:
    for transaction in (sqlite.reading, sqlite.writing):
        with transaction() as session:
            assert session.scalar(text("PRAGMA journal_mode")) == "wal"
            assert session.scalar(text("PRAGMA synchronous")) == 2  # FULL


def test_the_databases_clock_is_the_time(database: Database) -> None:
    before = time.time()
    with database.reading() as session:
        clock = session.scalar(select(now()))
    assert clock is not None
    assert before - 0.01 < clock < time.time() + 0.01


def test_the_databases_clock_goes_on_within_a_transaction(database: Database) -> None:
    with database.writing() as session:
        first = session.scalar(select(now()))
        time.sleep(0.01)
        second = session.scalar(select(now()))
    assert first is not None
    assert second is not None
    assert second > first


def test_an_exception_takes_the_whole_transaction_back(database: Database) -> None:
    put(database, "worker", 1.0)
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        session.get_one(WorkerRow, "worker").seen_at = 2.0
        session.add(WorkerRow(id="other", seen_at=1.0))
        session.flush()
        raise ZeroDivisionError
    assert get(database, "worker") == 1.0
    assert get(database, "other") is None


def test_a_second_writer_in_the_same_turn_waits_for_the_first(database: Database) -> None:
    put(database, "worker", 0.0)
    inside, order = threading.Event(), []

    def second() -> None:
        inside.wait()
        with database.writing() as session:
            advisory_lock(session, "worker")
            session.get_one(WorkerRow, "worker").seen_at += 1
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with database.writing() as session:
        advisory_lock(session, "worker")
        row = session.get_one(WorkerRow, "worker")
        inside.set()
        time.sleep(0.1)
        row.seen_at += 1
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert get(database, "worker") == 2.0


def test_a_reader_waits_for_nobody_and_sees_only_what_was_committed(database: Database) -> None:
    put(database, "worker", 1.0)
    with database.writing() as session:
        session.get_one(WorkerRow, "worker").seen_at = 2.0
        session.flush()
        assert get(database, "worker") == 1.0
    assert get(database, "worker") == 2.0


@pytest.mark.slow
def test_no_update_of_several_threads_and_processes_is_lost(database: Database, database_url: str) -> None:
    put(database, "counter", 0.0)
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNT_UP, database_url, "40"], cwd=ROOT, stdin=subprocess.PIPE)
        for _ in range(2)
    ]

    def count_up() -> None:
        for _ in range(40):
            with database.writing() as session:
                advisory_lock(session, "counter")
                session.get_one(WorkerRow, "counter").seen_at += 1

    threads = [threading.Thread(target=count_up) for _ in range(2)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0, 0]
    assert get(database, "counter") == 160.0


WAVES = StyleImage(StoredImage("styles/waves/0", "w", 60, 40), 2.0, 0.5)


def test_rows_can_be_used_after_their_transaction(database: Database) -> None:
    with database.writing() as session:
        row = PresetRow(name="a", version="1", description="", images=(WAVES,), created_at=1.0)
        session.add(row)
    assert (row.name, row.images) == ("a", (WAVES,))


def test_a_failing_transaction_is_a_storage_error(database: Database) -> None:
    put(database, "worker", 1.0)
    with pytest.raises(StorageError, match=r"(?i)the database failed: .*unique"), database.writing() as session:
        session.add(WorkerRow(id="worker", seen_at=2.0))
    with pytest.raises(StorageError, match=r"the database failed: .*nowhere"), database.reading() as session:
        session.execute(text("SELECT * FROM nowhere"))
    database.check()


def test_a_statement_that_fails_keeps_its_values_out_of_logs(database: Database) -> None:
    with pytest.raises(DatabaseError) as caught, database.writing() as session:
        for _ in range(2):
            session.execute(insert(SecretRow).values(name="twice", value=HIDDEN))
    assert caught.value.__cause__ is not None
    assert HIDDEN not in "".join(traceback.format_exception(caught.value))


def test_a_check_fails_where_the_file_is_no_database_any_more(sqlite: Database, tmp_path: Path) -> None:
    sqlite.check()
    sqlite.close()
    for path in (tmp_path / "data").iterdir():
        path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError):
        sqlite.check()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "nodialect://host/x",
        "sqlite:////proc/nowhere/service.db",
        "sqlite:///{tmp_path}/file/service.db",
        "sqlite:///{tmp_path}/folder",
        "sqlite:///{tmp_path}/file",
    ],
)
def test_what_is_no_database_cannot_be_opened(tmp_path: Path, url: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="the database can't be opened"):
        Database(url.format(tmp_path=tmp_path))


def test_an_sqlite_file_that_another_process_switches_to_its_log_is_opened_all_the_same() -> None:
    class Busy(sqlite3.Connection):
        tries = 0

        def execute(self, *args: Any) -> sqlite3.Cursor:
            if "journal_mode" in args[0] and self.tries < 3:
                self.tries += 1
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            return super().execute(*args)

    with closing(sqlite3.connect(":memory:", factory=Busy)) as connection:
        _prepare_sqlite(connection, None)
        assert connection.tries == 3
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
