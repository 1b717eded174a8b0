"""A worker process and its own watch over itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from front_door import ROOT, eventually
from jobs.submitting import REQUEST, claimed, submit

from service.commands.worker import run_until_stopped
from service.config import Settings
from service.engine.losses import Losses
from service.errors import StorageError
from service.jobs.leases import Claim, Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.registry import WorkerRegistry
from service.jobs.request import Painting
from service.options import TransferOptions
from service.pictures.images import Picture
from service.storage.database import Database
from service.storage.lanes import ENGINE, PAINT
from service.worker import loop, outgrown
from service.worker.job import JobRun
from service.worker.outgrown import KeptMemory
from service.worker.painter_worker import PainterWorker
from service.worker.reporter import Reporter, Stopping

pytestmark = pytest.mark.slow

HANGS = """
import time
from service.commands import worker
from service.worker.transfer import TransferRun

TransferRun.work = lambda run: time.sleep(600)
worker.run(None)
"""

UNWRITTEN = """
from service.commands import painter
from service.errors import DatabaseError
from service.jobs import leases

def away(*args):
    raise DatabaseError("the server went away")

leases.finish = away
painter.run(None)
"""

UNWATCHED = """
from full_system import no_room_for
from service.commands import painter

with no_room_for("_watch"):
    painter.run(None)
"""

OUTGROWS = """
import os, pathlib
from service.commands import worker
from service.worker import outgrown

access, closed = os.access, pathlib.Path(os.environ["NST_DATA"]) / "blobs" / "grams"
os.access = lambda path, mode: path != closed and access(path, mode)
outgrown.GROWTH = -2**40
worker.run(None)
"""


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


def hanging_worker(model: Path, data: Path, lease_s: float) -> subprocess.Popen[str]:
    """A worker whose first job never comes to its next step."""
    env = os.environ | {"NST_MODEL": str(model), "NST_DATA": str(data), "NST_LEASE_S": str(lease_s)}
    return subprocess.Popen([sys.executable, "-c", HANGS], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)


def test_a_worker_that_hangs_ends_and_leaves_its_job_to_others(
    database: Database, narrow_model: Path, tmp_path: Path
) -> None:
    queue = Queue(database, Limits())
    id = submit(queue)
    worker = hanging_worker(narrow_model, tmp_path, 1)
    log = worker.communicate(timeout=120)[1]
    assert worker.returncode == 1
    assert "this worker ends" in log
    assert queue.get(id).status == "running"
    again = claimed(Leases(database, 60), "other:1")
    assert (again.id, again.fence) == (id, 2)


def test_a_worker_that_can_t_start_all_of_its_threads_ends(tmp_path: Path) -> None:
    """It must not go on with its heartbeat alone, as a worker that does nothing."""
    env = os.environ | {"NST_DATA": str(tmp_path), "PYTHONPATH": str(ROOT / "tests")}
    line = [sys.executable, "-c", UNWATCHED]
    ended = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "can't start new thread" in ended.stderr


def test_a_step_that_takes_too_long_is_not_waited_for_at_the_end(
    database: Database, narrow_model: Path, tmp_path: Path
) -> None:
    queue = Queue(database, Limits())
    id = submit(queue)
    worker = hanging_worker(narrow_model, tmp_path, 600)
    eventually(lambda: queue.get(id).status == "running", 60, "not begun")
    worker.terminate()
    log = worker.communicate(timeout=60)[1]
    assert worker.returncode == 0
    assert f"job {id}: given back at its checkpoint; it did not stop in time" in log
    assert (queue.get(id).status, queue.get(id).attempts) == ("queued", 0)
    assert WorkerRegistry(database).alive() == 0


def test_an_end_that_can_t_be_written_is_not_waited_for_at_the_end(database: Database, tmp_path: Path) -> None:
    """A job that fails, because its content is missing, while the database takes no ends."""
    queue = Queue(database, Limits())
    painted = replace(REQUEST, base=Painting((), TransferOptions(method="painter", iterations=0)))
    id = queue.submit(Submission(new_id(), painted)).id
    env = os.environ | {"NST_DATA": str(tmp_path), "NST_LEASE_S": "600"}
    log = tmp_path / "log"
    with log.open("wb") as stream:
        worker = subprocess.Popen([sys.executable, "-c", UNWRITTEN], cwd=ROOT, env=env, stderr=stream)
    eventually(lambda: f"job {id}: its end could not be written" in log.read_text(), 60, "it did not try")
    worker.terminate()
    assert worker.wait(60) == 0
    assert f"job {id}: given back at its checkpoint; it did not stop in time" in log.read_text()
    assert (queue.get(id).status, queue.get(id).attempts) == ("queued", 0)


def test_a_process_that_keeps_too_much_begins_anew_and_stays_a_worker(
    database: Database, narrow_model: Path, tmp_path: Path
) -> None:
    """Of two jobs, whose row has no pictures, each fails; the process that carries out the second is a new one.

    It begins although it may not write to a folder of blobs now, which matters to no worker that runs.
    """
    queue = Queue(database, Limits())
    env = os.environ | {"NST_MODEL": str(narrow_model), "NST_DATA": str(tmp_path), "NST_MEMORY_MB": "8000"}
    worker = subprocess.Popen([sys.executable, "-c", OUTGROWS], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
    eventually(WorkerRegistry(database).alive, 60, "it did not begin")
    (tmp_path / "blobs" / "grams").mkdir()
    ids = [submit(queue), submit(queue)]
    eventually(lambda: all(queue.get(id).status == "failed" for id in ids), 120, "not done")
    assert WorkerRegistry(database).alive() == 1
    worker.terminate()
    log = worker.communicate(timeout=60)[1]
    assert worker.returncode in {0, -signal.SIGTERM}  # the latter while it begins
    assert log.count("it begins anew") == 2
    assert log.count(f":{worker.pid} is ready") in {2, 3}


class Held:
    """What a job's progress refers to, as a learning's does to all that it has in memory."""

    iteration, fraction, level, losses = 1, 0.5, 0, Losses(0.0, 0.0, 0.0, 0.0)

    def picture(self) -> Picture:
        return np.zeros((8, 8, 3), np.uint8)

    def checkpoint(self) -> Held:
        return self

    def to_bytes(self) -> bytes:
        return b""


@dataclass(eq=False)
class Holding(JobRun):
    """A job that reports its progress, and is broken off then."""

    held: list[weakref.ref[Held]]

    def work(self) -> None:
        progress = Held()
        self.held.append(weakref.ref(progress))
        self.reporter.on_progress(progress)
        raise Stopping if len(self.held) == 1 else StorageError("a file can't be read")


class Holder(PainterWorker):
    """A worker that isn't started, for such jobs."""

    lane = ENGINE
    held: ClassVar[list[weakref.ref[Held]]] = []

    def make_run(self, claim: Claim, reporter: Reporter) -> JobRun:
        return Holding(self._leases, self._blobs, self.capacity, claim, reporter, self.held)


def test_what_a_job_held_is_free_when_memory_is_looked_at(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[Held]] = []
    left: list[int] = []

    def look(self: KeptMemory, cached: int) -> bool:
        left.append(sum(ref() is not None for ref in held))
        return False

    monkeypatch.setattr(Holder, "held", held)
    monkeypatch.setattr(KeptMemory, "has_outgrown", look)
    submit(Queue(database, Limits()))
    worker = Holder(Settings(data=tmp_path), lambda: False)
    worker._closed.set()  # so that it waits for nothing
    assert [worker._work_once() for _ in range(2)] == [True, False]
    assert left == [0, 0]


def test_a_process_that_has_grown_begins_anew_once_it_has_nothing_to_do(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgrown, "SOME", -(2**40))
    monkeypatch.setattr(Holder, "held", [])
    queue = Queue(database, Limits())
    id = submit(queue)
    worker = Holder(Settings(data=tmp_path), lambda: False)
    assert worker._work_once()
    queue.cancel(id)
    assert not worker._work_once()
    assert not worker.has_outgrown  # a job may follow soon
    monkeypatch.setattr(loop, "REST_S", 0.0)
    assert not worker._work_once()
    assert worker.has_outgrown


class Outgrown(PainterWorker):
    """A worker that begins anew at once, and is told to stop meanwhile where that is wanted."""

    has_outgrown = True
    is_told_late = False

    def close(self) -> None:
        super().close()
        if self.is_told_late:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("late", [False, True])
def test_a_process_that_is_told_to_stop_while_it_would_begin_anew_leaves_the_registry(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    monkeypatch.setattr(Outgrown, "is_told_late", late)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    settings = Settings(data=tmp_path)
    try:
        begins_anew = run_until_stopped(lambda stopping: Outgrown(settings, stopping))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (begins_anew, WorkerRegistry(database).alive(PAINT)) == (not late, int(not late))
