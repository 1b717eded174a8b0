"""Real servers for the tests: PostgreSQL, Redis and an S3, each a process on loopback that ends when pytest does."""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, TypedDict, TypeVar

import psycopg
import pytest
import requests

from scripts.ports import free_port

START_S = 60
STOP_S = 30
PR_SET_PDEATHSIG = 1


class Server(ABC):
    """A server as a child of this process. A test that stopped it may leave it so: the next one starts it again.

    It ends with the thread that started it, so start it in the main thread.
    """

    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, user: str | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What to run, with its arguments."""

    def answers(self) -> bool:
        """Whether it can be used; a refused connection means that it can't yet."""
        socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        return True

    def start(self) -> None:
        """Starts it, unless it runs, and waits until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent(self.stop_signal),  # noqa: PLW1509 - it only calls prctl
                **_as_user(self._user),
            )
        end = time.monotonic() + START_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.command()[0]} didn't start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.02)

    def _ready(self) -> bool:
        try:
            return self.answers()
        except OSError:
            return False

    def stop(self) -> None:
        """Ends it, whatever it was doing; connections to it break."""
        if self._process is None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()


AnyServer = TypeVar("AnyServer", bound=Server)


class PostgreSQL(Server):
    """A cluster of its own, that forgets nothing when it is stopped. `durable`: nor when the machine is."""

    stop_signal = signal.SIGINT  # doesn't wait for clients

    def __init__(self, folder: Path, programs: Path, *, durable: bool = False) -> None:
        super().__init__(folder, _unprivileged_user())
        self._programs = programs
        self._durable = durable
        self._numbers = itertools.count(1)
        initdb = [str(programs / "initdb"), "--pgdata", str(folder / "data"), "--username", "nst", "--auth", "trust"]
        options = ["--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"]
        made = subprocess.run(
            [*initdb, *options], cwd=folder, capture_output=True, text=True, check=False, **_as_user(self._user)
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
        """SQLAlchemy URL of the database that is there from the start."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql+psycopg://nst@127.0.0.1:{self.port}/{database}"

    def fresh_database(self) -> str:
        """SQLAlchemy URL of a new, empty database."""
        self.start()
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url_of(name)

    def drop(self, url: str) -> None:
        """Removes a database of `fresh_database`, whoever is still connected to it."""
        self.start()
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Runs a statement for the whole cluster, as in `SELECT pg_terminate_backend(…)`."""
        with psycopg.connect(host="127.0.0.1", port=self.port, user="nst", dbname="postgres", autocommit=True) as c:
            c.execute(statement.encode())


class Redis(Server):
    """Keeps nothing on disk: what was in it is gone after `stop`."""

    def command(self) -> list[str]:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        return ["redis-server", *options]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


class S3(Server):
    """moto's S3. Keeps its buckets in memory: they are gone after `stop`."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a store finds this S3 and no other."""
        return {
            "AWS_ENDPOINT": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def url_for(self, bucket: str) -> str:
        """URL of a bucket, which is made if it isn't there."""
        self.start()
        requests.put(f"{self.endpoint}/{bucket}", timeout=30).raise_for_status()
        return f"s3://{bucket}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server of this test process."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_major_version)
    found = installed[-1] if installed else shutil.which("initdb")
    if found is None:
        _missing("PostgreSQL", "postgresql")
    programs = Path(found).resolve().parent
    yield from _running(lambda folder: PostgreSQL(folder, programs))


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A Redis server of this test process."""
    if shutil.which("redis-server") is None:
        _missing("Redis", "redis-server")
    yield from _running(Redis)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3 server of this test process; see the fixture `s3_url` for a bucket."""
    yield from _running(S3)


@pytest.fixture
def s3_url(s3: S3, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket, and the environment in which this process and its children reach it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3.url_for(f"test-{time.monotonic_ns()}")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of each kind in turn; close what is opened on it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/service.db"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    url = server.fresh_database()
    yield url
    server.drop(url)


def _running(make: Callable[[Path], AnyServer]) -> Iterator[AnyServer]:
    folder = Path(tempfile.mkdtemp(prefix="nst-test-"))  # pytest's own is closed to other users
    if (user := _unprivileged_user()) is not None:
        shutil.chown(folder, user)
    try:
        server = make(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _missing(what: str, package: str) -> NoReturn:
    reason = f"{what} isn't installed: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _unprivileged_user() -> str | None:
    """Return the user to run PostgreSQL as, which refuses to be root; None: the current one."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class _ProcessUser(TypedDict, total=False):
    """The user and group that a process runs as, as subprocess takes them."""

    user: str
    group: int
    extra_groups: list[int]


def _as_user(user: str | None) -> _ProcessUser:
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _major_version(initdb: Path) -> int:
    return int(initdb.parent.parent.name)


def _end_with_parent(number: signal.Signals) -> Callable[[], None]:
    library = ctypes.CDLL(None)

    def in_child() -> None:
        library.prctl(PR_SET_PDEATHSIG, number)

    return in_child
