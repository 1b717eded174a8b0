"""The database: connections, transactions, advisory locks, and its own clock."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import URL, Connection, Engine, create_engine, event, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Float, String

from service.errors import DatabaseError, DatabaseFull, StorageError
from service.machine.folders import make_private
from service.storage import opened, postgresql
from service.storage.disks import RETRY_S, database_file
from service.storage.json_text import read_json, write_json
from service.storage.migrations import upgrade
from service.storage.opened import OpenedPath
from service.storage.reserve import Reserve
from service.storage.schema import STORE_MARK, MarkRow

BUSY_TIMEOUT_S = 30  # seconds that an SQLite writer waits for another one
WAL_RETRY_S = 0.05  # seconds before the next try to switch to the write-ahead log
FULL = ("disk is full", "No space left", "Disk quota exceeded")  # in the messages of SQLite and PostgreSQL
ENGINE_OPTIONS: dict[str, Any] = {
    "json_deserializer": read_json,
    "json_serializer": write_json,
    "hide_parameters": True,  # errors, and so logs, hold no addresses and headers of deliveries
}

Transaction: TypeAlias = Session
"""The type of a transaction under way, for modules that only pass it on."""


class now(FunctionElement[float]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock, seconds since 1970: leases of several machines are measured with one clock."""

    inherit_cache = True  # so that statements with it are compiled once
    type = Float()


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: Any, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now)
def _now(element: now, compiler: Any, **kw: Any) -> str:
    return "extract(epoch from clock_timestamp())"


class today(FunctionElement[str]):  # noqa: N801 - likewise
    """The day in UTC by the database's clock, as in 2026-01-31."""

    inherit_cache = True
    type = String()


@compiles(today, "sqlite")
def _today_sqlite(element: today, compiler: Any, **kw: Any) -> str:
    return "date('now')"


@compiles(today)
def _today(element: today, compiler: Any, **kw: Any) -> str:
    return "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


def read_clock(session: Session) -> float:
    """Return the time by the database's clock, in seconds since 1970."""
    return session.scalars(select(now())).one()


def advisory_lock(session: Session, name: str) -> None:
    """Hold the lock of this name until the transaction ends; it is shared by all processes.

    SQLite has one writer at a time anyway, so this does nothing there. A transaction that only reads must not use it.
    On either database a writer waits for half a minute at most; then its transaction fails with a DatabaseError.
    """
    if session.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


class Database:
    """Sessions over one database, whose tables are brought up to date when it is opened.

    Raises:
        DatabaseError: the database can't be opened, or a transaction on it fails.

    An SQLite file has a Reserve beside it. If the file was moved away, nothing is written until it is back.
    """

    def __init__(self, url: str) -> None:
        self._file: OpenedPath | None = None
        _check_not_lost(url)
        try:
            self._reserve = _reserve(url)
            self._engine = _engine(url)
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise _unopened(url, error) from error
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._writers = sessionmaker(self._engine.execution_options(nst_write=True), expire_on_commit=False)
        try:
            self._bring_up_to_date()
        except (SQLAlchemyError, DatabaseError) as error:
            self._engine.dispose()
            raise _unopened(url, error) from error
        self._hold(url)
        self.put_by()

    def _hold(self, url: str) -> None:
        """Remember which file was opened. From now on no connection makes a new file in its place."""
        if (file := database_file(url)) is None:
            return
        self._file = OpenedPath(file)
        event.listen(self._engine, "do_connect", lambda *args: self._check_there())

    def _check_there(self) -> None:
        """Raise DatabaseError if the SQLite file was moved away: what is written would be lost."""
        if self._file and (trouble := self._file.trouble()):
            raise _gone(self._file.path, trouble)

    def _bring_up_to_date(self) -> None:
        with self._sessions.begin() as session:
            if upgrade.is_current(session.connection()):
                return
        with self._writers.begin() as session:
            postgresql.wait_for_locks(session.connection())  # another process may upgrade a large database
            advisory_lock(session, "migrations")
            is_new = upgrade.is_empty(session.connection())
            upgrade.upgrade(session.connection())
            if is_new:
                _name(session)

    def reading(self) -> AbstractContextManager[Session]:
        """Begin a transaction that only reads."""
        return self._transaction(self._sessions)

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Begin one that only reads, whose statements all see one moment. Those of `reading` do so only on SQLite."""
        with self.reading() as session:
            if session.get_bind().dialect.name == "postgresql":
                session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Begin a transaction that writes; on SQLite there is only one at a time.

        Raises:
            DatabaseFull: there was no room for it.
        """
        self._check_there()
        if self._reserve:
            self._reserve.give_up_if_scarce()
        with self._transaction(self._writers) as session:
            yield session

    @contextmanager
    def _transaction(self, sessions: sessionmaker[Session]) -> Iterator[Session]:
        committing = False
        try:
            with sessions.begin() as session:
                yield session
                session.flush()
                committing = True
        except SQLAlchemyError as error:
            cause = _cause(error)
            if not any(words in cause for words in FULL):
                failed = DatabaseError(f"the database failed: {cause}")
                failed.undone = not committing
                raise failed from error
            if self._reserve:
                self._reserve.give_up()  # for the next try
            raise DatabaseFull(f"the database failed: {cause}", retry_after=RETRY_S) from error

    def put_by(self) -> None:
        """Make the reserve of an SQLite file again, if it was given up and there is enough room."""
        if self._reserve and not (self._file and self._file.trouble()):
            with suppress(StorageError):  # SQLite reports a folder that is wrong, and a later call can make it
                self._reserve.put_by()

    def check(self) -> None:
        """Raise DatabaseError if the database doesn't answer, or if its file was moved away."""
        self._check_there()
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()


def stored_revision(url: str) -> str | None:
    """Return the revision of a database's tables, without an upgrade; None if it has none. Raises DatabaseError."""
    try:
        engine = _engine(url)
        try:
            with engine.connect() as connection:
                return upgrade.stored_revision(connection)
        finally:
            engine.dispose()
    except (SQLAlchemyError, OSError, ImportError) as error:
        raise _unopened(url, error) from error


def _check_not_lost(url: str) -> None:
    """Raise DatabaseError where the service had an SQLite file at its start and there is none now."""
    with suppress(ArgumentError):  # reported when it is opened
        if (file := database_file(url)) and opened.is_lost(file):
            raise _gone(file, "it isn't there any more: was it moved away?")


def _gone(file: Path, trouble: str) -> DatabaseError:
    said = f"the database is gone: {trouble}"
    gone = DatabaseError(f"the database {file} is gone: {trouble}", said=said)
    gone.undone = True
    return gone


def _unopened(url: str, error: Exception) -> DatabaseError:
    file = None if isinstance(error, ArgumentError) else database_file(url)  # ArgumentError: the URL is none
    setting = "; see NST_DATA and NST_DATABASE_URL" if file and isinstance(error, OSError) else ""
    return DatabaseError(f"the database can't be opened: {f'{file}: ' if file else ''}{_cause(error)}{setting}")


def _name(session: Session) -> None:
    """Give a new database the id that ties it to its blob store, see service.storage.identity."""
    value = json.dumps({"id": uuid.uuid4().hex, "sweeps": 0})
    session.add(MarkRow(name=STORE_MARK, made_at=read_clock(session), value=value))


def _reserve(url: str) -> Reserve | None:
    """Return the reserve of an SQLite file; it is given up if there is too little room to open the database."""
    file = database_file(url)
    if file is None:
        return None
    reserve = Reserve(file)
    reserve.give_up_if_scarce()
    return reserve


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    return postgresql.connect(parsed, **ENGINE_OPTIONS)


def _sqlite(url: URL) -> Engine:
    if url.database:
        make_private(Path(url.database).absolute().parent)
    engine = create_engine(url, **ENGINE_OPTIONS, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")  # a broken text stops no other row
    connection.isolation_level = None  # the driver's own BEGIN comes too late and never as IMMEDIATE
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")  # a commit that was answered survives a power cut


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log. SQLite doesn't wait where another process does so too, so this tries again."""
    end = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(WAL_RETRY_S)


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: after a read it couldn't, if another one had written meanwhile.
    write = connection.get_execution_options().get("nst_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).split("\n", 1)[0]  # psycopg's hints follow
