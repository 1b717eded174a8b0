"""The sweep goes on when files can't be removed, are half written, or change meanwhile."""

from __future__ import annotations

import itertools
import threading
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from jobs.submitting import REQUEST
from sweep.swept import DAY_S, age, keys, left_over, submit

from service.errors import NotFound, StorageError
from service.jobs.batches import Batches, BatchItem
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import Painting
from service.storage import identity
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.worker import sweep as sweeping
from service.worker import sweep_plan
from service.worker.sweep import sweep
from service.worker.sweep_plan import ROWS_AT_ONCE, read_known


def test_what_a_killed_process_left_half_written_goes_when_it_is_old(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    submit(database, "here")
    blobs.put("jobs/here/content", b"1")
    staged = tmp_path / "blobs" / "jobs" / "here" / "result-1.png#1"
    staged.write_bytes(b"half")
    sweep(database, blobs, 0, DAY_S)
    assert staged.exists()
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert not staged.exists()
    assert keys(blobs) == {"jobs/here/content"}


@pytest.mark.slow
def test_folders_that_come_and_go_meanwhile_do_not_stop_it(database: Database, blobs: Blobs) -> None:
    """Each look at /readyz writes a file into a folder of its own and removes both."""
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            blobs.check()

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(30):
            sweep(database, blobs, 0, DAY_S)
    finally:
        done.set()
        for looker in lookers:
            looker.join()


class Stubborn(Blobs):
    """A store that keeps whatever has `stuck` in its key."""

    def delete(self, key: str) -> None:
        if "stuck" in key:
            raise StorageError(f"the file {key} could not be removed: Operation not permitted")
        super().delete(key)


def test_a_file_that_can_not_be_removed_holds_up_nothing_else(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blobs, queue = Stubborn((tmp_path / "blobs").as_uri()), Queue(database, Limits())
    for id in ("a", "stuck", "stuck-deleted", "z"):
        submit(database, id)
        queue.cancel(id)
        blobs.put(f"jobs/{id}/content", b"1")
    sweep(database, blobs, 0, DAY_S)
    queue.delete("stuck-deleted")
    time.sleep(0.1)
    age(tmp_path)
    sweep(database, blobs, 0, 0.05)
    assert keys(blobs) == {"jobs/stuck/content", "jobs/stuck-deleted/content"}
    assert queue.get("stuck")  # its row waits for the file
    with pytest.raises(NotFound):
        queue.get("a")
    assert caplog.text.count("2 files can't be swept up") == 1
    willing = Blobs((tmp_path / "blobs").as_uri())
    sweep(database, willing, 0, 0.05)
    assert keys(willing) == set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many files a sweep has time for: each takes a quarter of it, and it ends with the fourth."""
    clock = itertools.count(step=sweeping.REMOVAL_S / 4)
    monkeypatch.setattr(sweeping, "time", SimpleNamespace(time=time.time, monotonic=lambda: next(clock)))
    return 3


def test_a_sweep_ends_when_its_time_is_up_and_the_next_one_goes_on(
    database: Database, blobs: Blobs, tmp_path: Path, slow: int
) -> None:
    queue = Queue(database, Limits())
    submit(database, "a")
    queue.cancel("a")
    for i in range(slow + 1):
        blobs.put(f"jobs/a/{i}", b"1")
    time.sleep(0.1)
    age(tmp_path)
    assert sweep(database, blobs, 0, 0.05)
    assert len(keys(blobs)) == 1
    assert queue.get("a")  # its row waits for the file
    assert not sweep(database, blobs, 0, 0.05)
    assert keys(blobs) == set()
    with pytest.raises(NotFound):
        queue.get("a")


def test_a_store_that_takes_long_to_refuse_is_not_swept_again_before_the_usual_time(
    database: Database, tmp_path: Path, slow: int
) -> None:
    blobs = Stubborn((tmp_path / "blobs").as_uri())
    for i in range(slow + 1):
        blobs.put(f"jobs/b/stuck-{i}", b"1")
    identity.accept(database, blobs)
    age(tmp_path)
    assert not sweep(database, blobs, 0, DAY_S)


def test_files_that_an_operator_accepts_go_though_one_sweep_has_no_time_for_all(
    database: Database, blobs: Blobs, tmp_path: Path, slow: int
) -> None:
    count = slow * sweep_plan.MANY // 2
    left_over(blobs, count)
    identity.accept(database, blobs)
    age(tmp_path)
    for left in range(count - slow, 0, -slow):
        assert sweep(database, blobs, 0, DAY_S)
        assert len(keys(blobs)) == left
    assert not sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == set()
    left_over(blobs, count)
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert len(keys(blobs)) == count


def test_half_written_files_that_can_not_be_removed_hold_up_nothing(
    database: Database, blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(database, blobs, 0, DAY_S)
    submit(database, "ended")
    Queue(database, Limits()).cancel("ended")
    blobs.put("jobs/ended/content", b"1")
    (tmp_path / "blobs" / "jobs" / "odd#1").write_bytes(b"half")
    age(tmp_path)

    def fails(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", fails)
    time.sleep(0.1)
    sweep(database, blobs, 0, 0.05)
    with pytest.raises(NotFound):
        Queue(database, Limits()).get("ended")


def test_few_requests_are_in_memory_at_a_time(database: Database) -> None:
    size, count = 200_000, 4 * ROWS_AT_ONCE
    large = replace(REQUEST, base=Painting(label="x" * size))
    items = [BatchItem(Submission(new_id(), large)) for _ in range(count)]
    Batches(database, Limits()).submit(new_id(), items, None, None)
    del items
    tracemalloc.start()
    try:
        read_known(database, DAY_S)
        assert tracemalloc.get_traced_memory()[1] < count * size
    finally:
        tracemalloc.stop()
