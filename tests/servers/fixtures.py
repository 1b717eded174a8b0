"""Fixtures of the tests' servers, each started once in a test process."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest
from servers.postgresql import PostgreSQL
from servers.redis import Redis
from servers.s3 import S3
from servers.server import Server, unprivileged_user

AnyServer = TypeVar("AnyServer", bound=Server)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server of this test process."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_major_version)
    found = installed[-1] if installed else shutil.which("initdb")
    if found is None:
        missing("PostgreSQL", "postgresql")
    programs = Path(found).resolve().parent
    yield from running(lambda folder: PostgreSQL(folder, programs))


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A Redis server of this test process."""
    if shutil.which("redis-server") is None:
        missing("Redis", "redis-server")
    yield from running(Redis)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3 server of this test process; see the fixture `s3_url` for a bucket."""
    yield from running(S3)


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
    """The URL of an empty database, for each kind in turn; the test closes its connections."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/service.db"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    url = server.fresh_database()
    yield url
    server.drop(url)


def running(make: Callable[[Path], AnyServer]) -> Iterator[AnyServer]:
    folder = Path(tempfile.mkdtemp(prefix="nst-test-"))  # pytest's own is closed to other users
    if (user := unprivileged_user()) is not None:
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


def missing(what: str, package: str) -> NoReturn:
    reason = f"{what} isn't installed: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _major_version(initdb: Path) -> int:
    return int(initdb.parent.parent.name)
