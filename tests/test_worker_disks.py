"""A worker and the disks that its files lie on: one that fills up meanwhile, and one that says nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from jobs.submitting import RESULT, submit
from styles.cached_grams import key, same, some_grams

from service.config import Settings
from service.errors import BlobsFull, StorageError
from service.jobs.leases import Claim
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.machine.memory import MIB
from service.storage.blobs import Blobs
from service.storage.disks import Disk, Disks
from service.storage.lanes import ENGINE
from service.worker import outgrown
from service.worker import process as workers
from service.worker.job import JobRun
from service.worker.painter_worker import PainterWorker
from service.worker.process import Worker
from service.worker.reporter import Reporter


@pytest.fixture
def worker(narrow_model: Path, tmp_path: Path) -> Worker:
    """A worker that isn't started."""
    worker = Worker(Settings(data=tmp_path / "data", model=narrow_model, threads=1), lambda: False)
    worker._closed.set()  # so that it waits for nothing
    return worker


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For each sweep the bytes that it is told to find."""
    called: list[int] = []
    monkeypatch.setattr(workers, "sweep", lambda *args: called.append(args[-1]))
    return called


def fill_up(monkeypatch: pytest.MonkeyPatch, below: Path, left: int = 0) -> None:
    """Make the disk of this folder look full but for so many bytes, and no other."""
    below.mkdir(exist_ok=True)
    asked = os.statvfs

    def full(path: Any) -> os.statvfs_result:
        about = asked(path)
        free = left // about.f_frsize if Path(path).is_relative_to(below) else about.f_blocks
        return os.statvfs_result((*about[:3], free, free, *about[5:]))

    monkeypatch.setattr(os, "statvfs", full)


def break_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Any) -> os.statvfs_result:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(os, "statvfs", fails)


def test_a_disk_that_fills_up_between_two_sweeps_is_swept_soon(
    worker: Worker, sweeps: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill_up(monkeypatch, tmp_path / "another")
    monkeypatch.setattr(workers, "SHORT_SWEEP_S", 0.0)
    worker.before_claim()
    worker.before_claim()
    assert sweeps == [0]
    fill_up(monkeypatch, tmp_path)
    worker.before_claim()
    assert len(sweeps) == 2
    assert sweeps[1] > 0
    monkeypatch.setattr(workers, "SHORT_SWEEP_S", 60.0)
    for _ in range(3):
        worker.before_claim()
    assert len(sweeps) == 3  # from then on once a minute


def test_a_sweep_that_had_too_little_time_is_followed_by_one_soon(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([True, True, False])
    monkeypatch.setattr(workers, "SHORT_SWEEP_S", 0.0)
    monkeypatch.setattr(workers, "sweep", lambda *args: next(answers))
    for _ in range(9):
        worker.before_claim()
    assert not list(answers)


def test_many_new_grams_are_swept_soon(worker: Worker, sweeps: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SHORT_SWEEP_S", 0.0)
    monkeypatch.setattr(workers, "WRITTEN_SHARE", worker._settings.gram_disk / 100)
    for written, swept in ((1, 1), (99, 1), (2, 2), (99, 2)):
        worker._blobs.put_cached("grams/new", bytes(written))
        worker.before_claim()
        assert len(sweeps) == swept


def test_what_can_be_made_again_takes_no_room_near_the_floor(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache, blobs = worker._stylist._grams._cache, worker._blobs
    floor = Disk(tmp_path).floor(worker._settings.disk_floor)
    for k, left in enumerate((2 * floor + MIB, 2 * floor)):
        fill_up(monkeypatch, tmp_path, left)
        cache.put(key(k), some_grams(k))
        assert same(cache.get(key(k)), some_grams(k))
        assert (blobs.size_of(key(k).blob) > 0) is (k == 0)
    blobs.put_cached("styles/one/pack", b"a pack")
    fill_up(monkeypatch, tmp_path, floor)
    with pytest.raises(BlobsFull, match="NST_DISK_FLOOR_MB"):
        blobs.put_cached("styles/two/pack", b"a pack")
    blobs.put("jobs/one/result", b"what can't be made again")


def test_grams_make_no_room_on_a_disk_that_they_are_not_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fill_up(monkeypatch, tmp_path / "database")
    database = f"sqlite:///{tmp_path}/database/service.db"
    for blobs, lacking in (((tmp_path / "blobs").as_uri(), False), ((tmp_path / "database").as_uri(), True)):
        disks = Disks(database, blobs, 2**20)
        assert disks.shortage() > 0
        assert (disks.blobs_shortage() > 0) is lacking
    assert Disks(database, "s3://bucket", 2**20).blobs_shortage() == 0


def test_a_worker_tells_grams_what_their_own_disk_lacks(
    worker: Worker, sweeps: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill_up(monkeypatch, tmp_path / "database")
    worker._disks = Disks(f"sqlite:///{tmp_path}/database/service.db", (tmp_path / "blobs").as_uri(), 2**20)
    worker.before_claim()
    assert sweeps == [0]


def test_a_disk_that_says_nothing_ends_neither_the_work_nor_the_beat(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_down(monkeypatch)
    worker._beat()  # once
    assert worker._work_once() is False
    assert "doesn't say what room it has" in caplog.text
    assert "Stale file handle" in caplog.text


@pytest.mark.slow
def test_a_job_whose_files_were_moved_away_is_given_back(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    queue = Queue(worker._database, Limits())
    id = submit(queue)
    blobs = tmp_path / "data" / "blobs"
    monkeypatch.setattr(worker, "before_claim", lambda: blobs.rename(tmp_path / "aside"))
    for _ in range(2):  # the second time it isn't even claimed
        assert worker._work_once() is False
        job = queue.get(id)
        assert (job.status, job.attempts, job.fence) == ("queued", 0, 1)


@dataclass(eq=False)
class Storing(JobRun):
    """A job that computes something and stores it, and waits for room as a learning does."""

    final_errors: ClassVar[tuple[type[StorageError], ...]] = ()

    def work(self) -> None:
        self.claim.meter.evaluated += 1_000_000
        self.keep("result", bytes(2**20))
        self.leases.succeed(self.claim, RESULT)


class Storer(PainterWorker):
    """A worker for such jobs, which isn't started and waits for nothing."""

    lane = ENGINE

    def __init__(self, data: Path) -> None:
        super().__init__(Settings(data=data), lambda: False)
        self._closed.set()

    def make_run(self, claim: Claim, reporter: Reporter) -> JobRun:
        return Storing(self._leases, self._blobs, self.capacity, claim, reporter)


@dataclass(eq=False)
class Failing(Storing):
    """One that fails where its result finds no room, as a transfer does."""

    final_errors: ClassVar[tuple[type[StorageError], ...]] = (BlobsFull,)


def test_a_quota_that_fails_a_job_fails_no_other_one(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Storer(data_folder)
    queue, put = Queue(worker._database, Limits()), Blobs.put
    needs = worker._leases, worker._blobs, worker.capacity
    monkeypatch.setattr(worker, "make_run", lambda claim, reporter: Failing(*needs, claim, reporter))

    def refuse(blobs: Blobs, key: str, data: bytes) -> None:
        if len(data) > 2**16:
            raise BlobsFull("quota")
        put(blobs, key, data)

    first, second = submit(queue), submit(queue)
    with monkeypatch.context() as patched:
        patched.setattr(Blobs, "put", refuse)
        assert [worker._work_once() for _ in range(3)] == [True, False, False]
    assert [queue.get(id).status for id in (first, second)] == ["failed", "queued"]
    assert worker._work_once()
    assert queue.get(second).status == "succeeded"


@pytest.mark.parametrize(("refusal", "most"), [(StorageError("403 Forbidden"), 0), (BlobsFull("quota"), 2**16)])
def test_while_files_are_refused_no_job_is_computed_again(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, refusal: StorageError, most: int
) -> None:
    """Nor does the worker begin anew meanwhile, however much it keeps from the job: it would forget."""
    monkeypatch.setattr(outgrown, "GROWTH", -(2**40))
    worker = Storer(data_folder)
    queue, put = Queue(worker._database, Limits()), Blobs.put

    def refuse(blobs: Blobs, key: str, data: bytes) -> None:
        if len(data) > most:
            raise refusal
        put(blobs, key, data)

    id = submit(queue)
    with monkeypatch.context() as patched:
        patched.setattr(Blobs, "put", refuse)
        assert [worker._work_once() for _ in range(3)] == [False] * 3
    job = queue.get(id)
    assert (job.status, job.attempts, job.fence) == ("queued", 0, 1)
    assert job.usage
    assert job.usage.megapixel_evaluations == 1.0
    assert not worker.has_outgrown
    assert worker._work_once()
    assert queue.get(id).status == "succeeded"
    assert worker.has_outgrown
