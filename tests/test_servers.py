"""The servers that tests start come back where they were, end with pytest, and are not left out in CI."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from front_door import eventually
from servers.postgresql import PostgreSQL
from servers.redis import Redis
from servers.s3 import S3

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
USES_ALL = """
import time
from pathlib import Path

def test_that_lasts(postgresql, redis, s3):
    places = [f"{server.port} {server.folder}" for server in (postgresql, redis, s3)]
    Path("made").write_text("\\n".join(places))
    Path("made").rename("places")
    time.sleep(600)
"""
NEEDS_ONE = "def test_of_it({server}): pass"


@pytest.fixture(params=["postgresql", "redis", "s3"])
def server(request: pytest.FixtureRequest) -> PostgreSQL | Redis | S3:
    server: PostgreSQL | Redis | S3 = request.getfixturevalue(request.param)
    return server


def pytest_in(folder: Path, test: str, **environment: str) -> subprocess.Popen[str]:
    """Run a test file of one test in a pytest of its own, in that folder."""
    (folder / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(folder), "-rs", "test_it.py"]
    python_path = os.pathsep.join(str(place) for place in (ROOT, ROOT / "tests"))
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.Popen(
        [*command, "-p", "servers.fixtures", "-p", "no:cacheprovider"],
        cwd=folder,
        env=inherited | {"PYTHONPATH": python_path} | environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_a_server_that_was_stopped_comes_back_at_its_port(server: PostgreSQL | Redis | S3) -> None:
    port = server.port
    server.stop()
    assert not accepts(port)
    server.start()
    assert server.port == port
    assert accepts(port)


def test_a_database_is_there_after_a_restart_and_gone_after_a_drop(postgresql: PostgreSQL) -> None:
    url = postgresql.fresh_database()
    name = url.rpartition("/")[2]
    postgresql.restart()
    with pytest.raises(Exception, match="already exists"):
        postgresql.execute(f"CREATE DATABASE {name}")
    postgresql.drop(url)
    postgresql.execute(f"CREATE DATABASE {name}")
    postgresql.drop(url)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-C", "kill -9"])
def test_the_servers_end_with_pytest(tmp_path: Path, number: signal.Signals) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("ctrl-C is ignored here, as in a background job of a shell, and so it is by what is started here")
    child = pytest_in(tmp_path, USES_ALL)
    places = tmp_path / "places"
    try:
        eventually(places.exists, 180, "the servers did not start")
        lines = [line.split() for line in places.read_text().splitlines()]
        assert all(accepts(int(port)) for port, _ in lines)
    finally:
        child.send_signal(number)
        child.communicate(timeout=60)
    for port, folder in lines:
        eventually(lambda port=port: not accepts(int(port)), 30, f"{folder} is still served")
        assert number == signal.SIGKILL or not Path(folder).exists()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_server_that_is_not_installed_skips_its_tests_but_fails_them_in_ci(tmp_path: Path) -> None:
    for environment, outcome in (({}, "1 skipped"), ({"CI": "true"}, "1 error")):
        child = pytest_in(tmp_path, NEEDS_ONE.format(server="redis"), PATH="/nowhere", **environment)
        output, _ = child.communicate(timeout=60)
        assert outcome in output
        assert "Redis isn't installed: apt-get install redis-server" in output
