"""The database: connections, transactions, and its own clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import Float

from service.errors import DatabaseError
from service.storage.schema import Base

BUSY_TIMEOUT_S = 30  # how long a SQLite writer waits for another one


class now(ColumnElement[float]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock, seconds since 1970: leases of several machines are measured with one clock."""

    inherit_cache = True
    type = Float()


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: Any, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now)
def _now(element: now, compiler: Any, **kw: Any) -> str:
    return "extract(epoch from clock_timestamp())"


class Database:
    """Sessions over one database.

    Raises:
        DatabaseError: the database can't be opened, or a transaction on it fails.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = _engine(url)
            writer = self._engine.execution_options(nst_write=True)
            with writer.begin() as connection:
                Base.metadata.create_all(connection)
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise DatabaseError(f"the database can't be opened: {_cause(error)}") from error
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._writers = sessionmaker(writer, expire_on_commit=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with self._transaction(self._sessions) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that writes; on SQLite the only one at that time."""
        with self._transaction(self._writers) as session:
            yield session

    @contextmanager
    def _transaction(self, sessions: sessionmaker[Session]) -> Iterator[Session]:
        try:
            with sessions.begin() as session:
                yield session
        except SQLAlchemyError as error:
            raise DatabaseError(f"the database failed: {_cause(error)}") from error

    def check(self) -> None:
        """Raises DatabaseError if the database doesn't answer."""
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late and never as IMMEDIATE
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a commit that was answered survives a power cut


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: one that read first could not, if another had written meanwhile.
    write = connection.get_execution_options().get("nst_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error)
