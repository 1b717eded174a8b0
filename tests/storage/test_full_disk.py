"""A disk without room is said, keeps what was there, and takes more once there is room again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from jobs.submitting import REQUEST

from service.errors import DatabaseError, DatabaseFull, NoSpace, NotFound, StorageError
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.disks import Disks
from service.storage.schema import SecretRow
from service.worker.sweep import sweep

SIZE = 8_000_000  # bytes


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of about 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "nst-test", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small file system, and not everywhere")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S607


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_blob_that_finds_no_room_leaves_the_old_one_and_nothing_half_written(disk: Path) -> None:
    blobs = Blobs((disk / "blobs").as_uri())
    blobs.put("a/b", b"old")
    for key in ("a/b", "a/new", "c/new"):
        with pytest.raises(StorageError, match=rf"{key} could not be written: .*No space left"):
            blobs.put(key, bytes(2 * SIZE))
    assert blobs.get("a/b") == b"old"
    assert files(disk) == ["blobs/a/b"]
    blobs.put("a/b", bytes(SIZE // 2))
    blobs.check()


def test_a_transaction_that_finds_no_room_is_taken_back(disk: Path) -> None:
    database = Database(f"sqlite:///{disk}/service.db")
    with database.writing() as session:
        session.add(SecretRow(name="old", value="kept"))
    with pytest.raises(DatabaseError, match=r"the database failed: .*full"), database.writing() as session:
        session.add(SecretRow(name="new", value="x" * 2 * SIZE))
    with database.writing() as session:
        session.get_one(SecretRow, "old").value += ", and changed"
    with database.reading() as session:
        assert session.get_one(SecretRow, "old").value == "kept, and changed"
        assert session.get(SecretRow, "new") is None
    database.close()


def fill(disk: Path) -> Path:
    """Take up all the room there is, as another program would."""
    filler = disk / f"filler-{len(files(disk))}"
    with filler.open("wb", buffering=0) as out, suppress(OSError):
        while out.write(bytes(512)):
            pass
    return filler


def ended_job(database: Database, blobs: Blobs, id: str) -> None:
    queue = Queue(database, Limits())
    queue.submit(Submission(id, REQUEST))
    queue.cancel(id)
    blobs.put(f"jobs/{id}/content", bytes(50_000))


@pytest.fixture
def full(disk: Path) -> Iterator[tuple[Database, Blobs, Path]]:
    """A database that is opened on a full disk, where three jobs have ended and one waits; and its blobs."""
    url, blobs = f"sqlite:///{disk}/service.db", Blobs((disk / "blobs").as_uri())
    before = Database(url)
    for id in ("one", "two", "three"):
        ended_job(before, blobs, id)
    Queue(before, Limits()).submit(Submission("waiting", REQUEST))
    sweep(before, blobs, 0, 1000)
    before.close()
    filler = fill(disk)
    database = Database(url)
    yield database, blobs, filler
    database.close()


def test_jobs_can_be_canceled_and_deleted_on_a_full_disk(full: tuple[Database, Blobs, Path]) -> None:
    database, _, _ = full
    queue = Queue(database, Limits())
    assert queue.cancel("waiting").status == "canceled"
    queue.delete("one")
    with pytest.raises(NotFound):
        queue.get("one")


def test_expired_jobs_make_room_on_a_full_disk(full: tuple[Database, Blobs, Path], disk: Path) -> None:
    database, blobs, _ = full
    Queue(database, Limits()).cancel("waiting")
    fill(disk)  # what the database had put by is gone too
    with pytest.raises(DatabaseFull):
        Queue(database, Limits()).delete("one")
    time.sleep(0.01)
    sweep(database, blobs, 0, 0.001)
    assert list(blobs.listing("jobs")) == []
    for id in ("one", "two", "three"):
        with pytest.raises(NotFound):
            Queue(database, Limits()).get(id)


def test_a_sweep_that_was_killed_between_files_and_rows_leaves_nothing_that_looks_whole(disk: Path) -> None:
    database, blobs = Database(f"sqlite:///{disk}/service.db"), Blobs((disk / "blobs").as_uri())
    ended_job(database, blobs, "old")
    blobs.delete_all("jobs/old")
    time.sleep(0.1)
    queue = Queue(database, Limits(retention_s=0.05))
    with pytest.raises(NotFound):
        queue.get("old")
    assert queue.page(None, None, 10) == []
    sweep(database, blobs, 0, 0.05)
    with pytest.raises(NotFound):
        Queue(database, Limits()).get("old")
    database.close()


def test_what_was_put_by_comes_back_when_there_is_room(full: tuple[Database, Blobs, Path], disk: Path) -> None:
    database, _, filler = full
    reserve = disk / "service.db-reserve"
    assert not reserve.exists()
    filler.unlink()
    database.put_by()
    assert reserve.stat().st_size > 0


def test_files_leave_the_last_room_to_the_database(disk: Path) -> None:
    blobs = Blobs((disk / "blobs").as_uri())
    database = Database(f"sqlite:///{disk}/service.db")
    with pytest.raises(StorageError, match="No space left"):
        for i in range(1000):
            blobs.put(f"jobs/{i}", bytes(100_000))
    assert blobs.room() is not None
    with database.writing() as session:
        session.add(SecretRow(name="new", value="x" * 10_000))
    database.close()


def test_nothing_is_taken_in_below_the_floor(disk: Path) -> None:
    url = (disk / "blobs").as_uri()
    disks = Disks(f"sqlite:///{disk}/service.db", url, 200 * 2**20)
    disks.check()
    with pytest.raises(NoSpace, match="results to come may take 8"):
        disks.check(reserved=8 * 2**20)
    assert disks.shortage() == 0
    filler = fill(disk)
    with pytest.raises(NoSpace, match="NST_DISK_FLOOR_MB") as refused:
        disks.check()
    assert refused.value.retry_after
    assert disks.shortage() > 0
    filler.unlink()
    disks.check()
    Disks("postgresql+psycopg://u@h/d", "s3://bucket", 2**60).check()


def test_grams_make_room_where_the_disk_lacks_some(disk: Path) -> None:
    database, blobs = Database(f"sqlite:///{disk}/service.db"), Blobs((disk / "blobs").as_uri())
    for i in range(4):
        blobs.put(f"grams/{i}", bytes(10_000))
        os.utime(disk / "blobs" / "grams" / str(i), (1000 + i, 1000 + i))
    sweep(database, blobs, 1_000_000, 1000, shortage=15_000)
    assert {blob.key for blob in blobs.listing("grams")} == {"grams/2", "grams/3"}
    database.close()
