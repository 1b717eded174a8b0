"""A PostgreSQL for the tests."""

from __future__ import annotations

import itertools
import signal
import subprocess
from pathlib import Path

import psycopg
from servers.server import Server, as_user, unprivileged_user


class PostgreSQL(Server):
    """A PostgreSQL cluster. Its data outlives `stop`, and with `durable` also a crash of the machine."""

    stop_signal = signal.SIGINT  # doesn't wait for clients

    def __init__(self, folder: Path, programs: Path, *, durable: bool = False) -> None:
        super().__init__(folder, unprivileged_user())
        self._programs = programs
        self._durable = durable
        self._numbers = itertools.count(1)
        initdb = [str(programs / "initdb"), "--pgdata", str(folder / "data"), "--username", "nst", "--auth", "trust"]
        options = ["--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"]
        made = subprocess.run(
            [*initdb, *options], cwd=folder, capture_output=True, text=True, check=False, **as_user(self._user)
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")

    def command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "32MB",
        } | ({} if self._durable else dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off"))
        given = itertools.chain.from_iterable(("-c", f"{name}={value}") for name, value in options.items())
        return [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *given]

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the cluster's first database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql+psycopg://nst@127.0.0.1:{self.port}/{database}"

    def fresh_database(self) -> str:
        """Make an empty database; return its SQLAlchemy URL."""
        self.start()
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url_of(name)

    def drop(self, url: str) -> None:
        """Remove a database of `fresh_database`, even if clients are still connected to it."""
        self.start()
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run a statement for the whole cluster, as in `SELECT pg_terminate_backend(…)`."""
        with psycopg.connect(host="127.0.0.1", port=self.port, user="nst", dbname="postgres", autocommit=True) as c:
            c.execute(statement.encode())
