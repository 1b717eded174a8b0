"""Connections to PostgreSQL, with limits on both ends: neither waits for hours for the other, or for a lock."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

POOL_SIZE = 5  # connections that a process keeps
POOL_MORE = 15  # further ones while they are needed: a web process has 16 threads, and others beside them
POOL_TIMEOUT_S = 10  # seconds that a thread waits for one
CLIENT = {  # libpq's; by default a connection waits hours for a server that has vanished
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
SERVER = {  # the server's, of a connection; by default a client that has vanished keeps its locks for hours
    "lock_timeout": "30s",  # as long as an SQLite writer waits for another one
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
}

_SET = """
SELECT set_config(name, value, false) FROM pg_settings JOIN json_each_text(%s) ON name = key WHERE source = 'default'
"""


def connect(url: URL, **options: Any) -> Engine:
    """Return an engine whose connections have the limits of CLIENT and SERVER.

    What the URL names of CLIENT stays as it is; so does what anybody has set of SERVER, for the server, the database,
    the role or in the URL's `options`.
    """
    engine = create_engine(
        url,
        **options,
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_MORE,
        pool_timeout=POOL_TIMEOUT_S,
        connect_args={name: value for name, value in CLIENT.items() if name not in url.query},
    )
    event.listen(engine, "connect", _set_limits)
    return engine


def wait_for_locks(connection: Connection) -> None:
    """Have the transaction of a connection wait for locks for as long as it takes."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))


def _set_limits(connection: Any, record: Any) -> None:
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(_SET, (json.dumps(SERVER),))
    connection.autocommit = False
