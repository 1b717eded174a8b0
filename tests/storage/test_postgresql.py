"""PostgreSQL's own: turns by name, servers that go away and come back, connections shared by many threads."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from front_door import eventually
from servers.postgresql import PostgreSQL
from sqlalchemy import create_engine, event, func, select, text
from sqlalchemy.orm import Session
from sweep.swept import DAY_S, age, keys, saved

from service.errors import DatabaseError
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.jobs.request import StoredStyle
from service.jobs.tasks import PackTask
from service.storage.blobs import Blobs
from service.storage.database import Database, advisory_lock
from service.storage.postgresql import POOL_MORE, POOL_SIZE, SERVER
from service.storage.preset_schema import PresetRow
from service.storage.schema import WorkerRow
from service.storage.tenant_amounts import SUBMIT_LOCK
from service.styles.preset_painters import PresetPainters
from service.styles.preset_versions import PresetVersions
from service.styles.presets import Presets
from service.worker.sweep import sweep

pytestmark = pytest.mark.slow

WAITING = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database here ON here.oid = database "
    "WHERE NOT granted AND datname = current_database()"
)
"""How many transactions of this database wait for a lock."""


@pytest.fixture
def database_url(postgresql: PostgreSQL) -> Iterator[str]:
    url = postgresql.fresh_database()
    yield url
    postgresql.drop(url)


def rows(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(WorkerRow)) or 0


def test_who_names_another_turn_does_not_wait(database: Database) -> None:
    with database.writing() as first, database.writing() as second:
        advisory_lock(first, "jobs")
        advisory_lock(second, "presets")


def test_a_turn_ends_with_its_transaction_however_that_ends(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        advisory_lock(session, "jobs")
        raise ZeroDivisionError
    with database.writing() as session:
        session.execute(text("SET LOCAL lock_timeout = '1s'"))
        advisory_lock(session, "jobs")


def test_the_server_limits_what_nobody_else_has_set(database_url: str) -> None:
    url = f"{database_url}?options=-c%20lock_timeout%3D7s"
    with closing(Database(url)) as database, database.reading() as session:
        found = {name: session.scalar(text(f"SHOW {name}")) for name in SERVER}
    assert found == SERVER | {"lock_timeout": "7s", "idle_in_transaction_session_timeout": "1min"}


def test_an_upgrade_waits_for_another_one_however_long_that_takes(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SERVER, "lock_timeout", "100ms")
    engine = create_engine(database_url)
    with ThreadPoolExecutor(1) as thread:
        with Session(engine) as other:
            advisory_lock(other, "migrations")
            opened = thread.submit(Database, database_url)
            eventually(lambda: other.scalar(WAITING) == 1, 30, "it doesn't wait")
            time.sleep(0.3)
        opened.result(30).close()
    engine.dispose()


def test_a_lost_connection_fails_its_transaction_and_no_later_one(database: Database, postgresql: PostgreSQL) -> None:
    with pytest.raises(DatabaseError, match="the database failed: "), database.writing() as session:
        session.add(WorkerRow(id="half", seen_at=1.0))
        session.flush()
        postgresql.restart()
        session.add(WorkerRow(id="done", seen_at=1.0))
    assert rows(database) == 0
    with database.writing() as session:
        session.add(WorkerRow(id="later", seen_at=1.0))
    assert rows(database) == 1


def test_a_commit_that_finds_no_server_is_an_error(database: Database, postgresql: PostgreSQL) -> None:
    with pytest.raises(DatabaseError), database.writing() as session:
        session.add(WorkerRow(id="half", seen_at=1.0))
        session.flush()
        postgresql.restart()
    assert rows(database) == 0


def test_connections_that_died_while_idle_are_not_noticed(database: Database, postgresql: PostgreSQL) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(database.reading()).execute(text("SELECT 1"))
    postgresql.restart()
    for _ in range(3):
        database.check()


def test_without_a_server_every_call_is_an_error_until_it_is_back(database: Database, postgresql: PostgreSQL) -> None:
    postgresql.stop()
    for _ in range(2):
        with pytest.raises(DatabaseError, match="the database failed: "):
            database.check()
    postgresql.start()
    database.check()


def test_a_server_that_is_not_there_is_said_when_opening(database_url: str, postgresql: PostgreSQL) -> None:
    postgresql.stop()
    with pytest.raises(DatabaseError, match=r"the database can't be opened: [^\n]*refused[^\n]*$"):
        Database(database_url)


def test_a_database_that_is_not_there_is_said_when_opening(postgresql: PostgreSQL) -> None:
    with pytest.raises(DatabaseError, match=r"the database can't be opened: .*nowhere.* does not exist"):
        Database(postgresql.url_of("nowhere"))


@pytest.mark.timeout(60)  # left to itself, the driver waits for two minutes
@pytest.mark.parametrize("query", ["?connect_timeout=2", pytest.param("", marks=pytest.mark.slow)])
def test_a_server_that_never_answers_is_given_up(query: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql+psycopg://nst@127.0.0.1:{mute.getsockname()[1]}/x{query}"
        with pytest.raises(DatabaseError, match=r"can't be opened: .*timeout"):
            Database(url)


def test_more_threads_than_connections_wait_for_one(database: Database) -> None:
    all_in_use = threading.Barrier(POOL_SIZE + POOL_MORE)

    def use(first: bool) -> None:
        with database.reading() as session:
            session.execute(text("SELECT 1"))
            if first:
                all_in_use.wait(30)

    with ThreadPoolExecutor(50) as threads:
        for use_it in [threads.submit(use, i < POOL_SIZE + POOL_MORE) for i in range(50)]:
            use_it.result()


def test_a_learning_locks_its_preset_after_the_lock_of_jobs_as_a_put_does(database: Database) -> None:
    """In another order, the two wait for each other."""

    def submit(session: Session, row: PresetRow) -> str:
        advisory_lock(session, SUBMIT_LOCK)
        return "job"

    with database.writing() as session:
        session.add(PresetRow(name="a", version="v", description="", images=(), created_at=1.0))
    painters = PresetPainters(database, Blobs("memory:///"))
    with ThreadPoolExecutor(1) as thread:
        with database.writing() as session:
            advisory_lock(session, SUBMIT_LOCK)
            begun = thread.submit(painters.begin, "a", submit)
            eventually(lambda: session.scalar(WAITING) == 1, 30, "the learning doesn't wait")
            assert session.get(PresetRow, ("default", "a"), with_for_update={"nowait": True})
        assert begun.result(30).learning == "job"


@contextmanager
def before_statement(database: Database, words: str, act: Callable[[], object]) -> Iterator[None]:
    """Do something once, in transactions of its own, right before a statement that has these words."""
    to_do = [act]

    def look(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if words in statement and to_do:
            to_do.pop()()

    event.listen(database._engine, "before_cursor_execute", look)
    yield
    event.remove(database._engine, "before_cursor_execute", look)
    assert to_do == []


def test_a_sweep_leaves_the_files_of_a_preset_that_is_restored_while_it_reads(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    presets, versions = Presets(database, blobs), PresetVersions(database, DAY_S)
    version, other = saved(presets, 2)
    sweep(database, blobs, 0, DAY_S)  # the first one ties files and rows together, while none seems strange
    presets.delete("style-0")
    age(tmp_path)
    with before_statement(database, "FROM preset_versions", lambda: versions.restore("style-0", version)):
        sweep(database, blobs, 0, DAY_S)
    assert {key.split("/")[1] for key in keys(blobs)} == {version, other}


def test_a_sweep_leaves_the_files_of_a_job_whose_preset_is_purged_while_it_reads(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    presets, versions = Presets(database, blobs), PresetVersions(database, DAY_S)
    (version,) = saved(presets, 1)
    style = StoredStyle("style-0", 1.0, 1.0, presets.get("style-0").images)
    age(tmp_path)

    def use_and_purge() -> None:
        Queue(database, Limits()).submit(Submission("job", PackTask(style, version, "", None)))
        versions.purge("style-0")

    with before_statement(database, "FROM presets", use_and_purge):
        sweep(database, blobs, 0, DAY_S)
    assert {key.split("/")[1] for key in keys(blobs)} == {version}
