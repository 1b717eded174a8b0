"""A database that the service hasn't opened yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine
from storage.first_revision import statements


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
    for statement in statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
    return database_url
