"""What a web process knows of keys: no query for each request, and what it does while the database fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from service.errors import DatabaseError, Unavailable
from service.storage.database import Database
from service.tenants import known_keys as module
from service.tenants.keys import Keys
from service.tenants.known_keys import KnownKeys
from service.tenants.scopes import ALL
from service.tenants.tenants import Tenants


class FailingDatabase:
    """A database that fails when told to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.fails = False
        self.reads = 0

    @contextmanager
    def reading(self) -> Iterator[Session]:
        self.reads += 1
        if self.fails:
            raise DatabaseError("the database failed: for the test")
        with self._database.reading() as session:
            yield session

    def writing(self) -> Any:
        return self._database.writing()


@pytest.fixture(autouse=True)
def settled(database: Database) -> Iterator[None]:
    """Wait for the notes of uses, before the database is closed."""
    yield
    for thread in threading.enumerate():
        if thread.name == "key uses":
            thread.join(10)


@pytest.fixture
def failing(database: Database) -> FailingDatabase:
    return FailingDatabase(database)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the module's clocks are ahead."""
    ahead = [0.0]
    monotonic, wall = time.monotonic, time.time
    shifted = SimpleNamespace(
        monotonic=lambda: monotonic() + ahead[0], time=lambda: wall() + ahead[0], sleep=time.sleep
    )
    monkeypatch.setattr("service.tenants.known_keys.time", shifted)
    return ahead


def test_many_requests_take_one_query(database: Database, failing: FailingDatabase) -> None:
    key, since = Keys(database).add("default", "one", ALL).text, Tenants(database).get("default").created_at
    known = KnownKeys(failing)  # type: ignore[arg-type]
    for _ in range(100):
        found = known.find(key)
        assert found
        assert found.tenant_since == since
        assert not known.find("of-another-service")
        assert known.asks_for_key()
    assert failing.reads == 1


def test_a_new_key_counts_at_once_and_wrong_ones_cost_few_queries(
    database: Database, failing: FailingDatabase
) -> None:
    keys, known = Keys(database), KnownKeys(failing)  # type: ignore[arg-type]
    assert known.find(keys.add("default", "one", ALL).text)
    assert known.find(keys.add("default", "other", ALL).text)
    assert failing.reads == 2
    begun = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        assert not any(threads.map(known.find, [f"nst_{number}" for number in range(64)]))
    assert failing.reads - 2 <= 1 + (time.monotonic() - begun) / module.UNKNOWN_S
    failing.fails = True
    with pytest.raises(Unavailable):
        known.find("nst_unknown")


def test_a_change_counts_after_two_seconds(database: Database, clock: list[float]) -> None:
    keys, known = Keys(database), KnownKeys(database)
    assert not known.asks_for_key()
    made = keys.add("default", "one", ALL)
    clock[0] += module.FRESH_S
    found = known.find(made.text)
    assert found
    assert known.still_count(found)
    assert not known.still_count(None)
    keys.revoke(made.row.id)
    assert known.still_count(found)
    clock[0] += module.FRESH_S
    assert not known.still_count(found)
    assert not known.find(made.text)


def test_what_a_rotated_key_began_goes_on_for_its_grace(database: Database, clock: list[float]) -> None:
    keys, known = Keys(database), KnownKeys(database)
    made = keys.add("default", "one", ALL)
    found = known.find(made.text)
    assert found
    keys.rotate(made.row.id, grace_s=3600)
    clock[0] += module.FRESH_S
    assert known.still_count(found)
    clock[0] += 3600
    assert not known.still_count(found)


def test_what_is_known_counts_for_a_while_without_the_database(
    database: Database, failing: FailingDatabase, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    key = Keys(database).add("default", "one", ALL).text
    known = KnownKeys(failing)  # type: ignore[arg-type]
    assert known.find(key)
    failing.fails = True
    clock[0] += module.TOLERATED_S - 5
    assert known.find(key)
    assert "keys can't be read" in caplog.text
    clock[0] += 10
    with pytest.raises(Unavailable):
        known.find(key)
    failing.fails = False
    clock[0] += module.RETRY_S
    assert known.find(key)


def test_before_anything_is_known_nobody_is_let_in(failing: FailingDatabase, clock: list[float]) -> None:
    failing.fails = True
    known = KnownKeys(failing)  # type: ignore[arg-type]
    for _ in range(5):
        with pytest.raises(Unavailable):
            known.asks_for_key()
    assert failing.reads == 1  # the next try comes a second later
    clock[0] += module.RETRY_S
    failing.fails = False
    assert not known.asks_for_key()


def test_a_slow_database_holds_up_one_request_alone(database: Database, clock: list[float]) -> None:
    key = Keys(database).add("default", "one", ALL).text
    known = KnownKeys(database)
    known.find(key)
    clock[0] += module.FRESH_S + 0.5
    go_on, reading, done = threading.Event(), threading.Event(), threading.Event()

    def hold(*args: object) -> None:
        reading.set()
        go_on.wait(60)
        done.set()

    event.listen(database._engine, "before_cursor_execute", hold)
    slow = threading.Thread(target=known.find, args=(key,))
    slow.start()
    try:
        assert reading.wait(60)
        assert known.find(key)
        assert not done.is_set()
    finally:
        go_on.set()
        slow.join()


def test_a_use_that_no_thread_can_note_is_noted_with_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, known, noted = Keys(database), KnownKeys(database), threading.Event()
    first, second = (keys.add("default", name, ALL) for name in ("first", "second"))
    touched = list[set[str]]()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    def touch(_: Keys, ids: set[str]) -> None:
        touched.append(ids)
        noted.set()

    monkeypatch.setattr(Keys, "touch", touch)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        assert known.find(first.text)
    assert known.find(second.text)
    assert noted.wait(60)
    assert touched == [{first.row.id, second.row.id}]
