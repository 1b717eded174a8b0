"""Who is killed holds no job for long: the next worker of that machine frees it as it starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs.submitting import claimed, submit

from service.config import Settings
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.jobs.roll import worker_id
from service.release import release_the_dead
from service.storage.database import Database


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    yield database
    database.close()


def dead_process() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def held_by(database: Database, host: str, process: int) -> str:
    """The id of a job that this process has under a long lease."""
    id = submit(Queue(database, Limits()))
    assert claimed(Leases(database, lease_s=600), worker_id(host, process)).id == id
    return id


def can_be_claimed(database: Database) -> str | None:
    """The job that another worker would get now."""
    claim = Leases(database, lease_s=600).claim("another:1", {})
    return claim and claim.id


def test_the_job_of_a_process_that_is_gone_can_be_claimed_at_once(database: Database, settings: Settings) -> None:
    id = held_by(database, socket.gethostname(), dead_process())
    assert can_be_claimed(database) is None
    release_the_dead(settings)
    assert can_be_claimed(database) == id


def test_the_jobs_of_the_living_and_of_other_machines_are_theirs(database: Database, settings: Settings) -> None:
    held_by(database, socket.gethostname(), os.getpid())
    held_by(database, "another-machine", dead_process())
    release_the_dead(settings)
    assert can_be_claimed(database) is None


def test_a_database_that_fails_does_not_keep_a_worker_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    release_the_dead(Settings(database_url=f"sqlite:///{tmp_path}/file/service.db"))
    assert "their leases will run out" in caplog.text
