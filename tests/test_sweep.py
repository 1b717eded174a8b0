"""The sweep removes what nothing needs, and nothing else."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from front_door import png
from jobs.submitting import REQUEST, RESULT
from sqlalchemy import insert

from service.decoding.files import check_image
from service.errors import NotFound, StorageError
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.jobs.request import StoredStyle, WarmTask
from service.pictures.style_image import StyleImage
from service.storage import identity
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.left import forget_left, left_folders
from service.storage.schema import LeftRow, MarkRow
from service.styles.presets import Presets
from service.worker import sweep as sweeping
from service.worker.sweep import sweep

DAY_S = 86_400


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs((tmp_path / "blobs").as_uri())


def age(tmp_path: Path) -> None:
    """Makes every blob older than the grace."""
    old = time.time() - sweeping.GRACE_S - 60
    for path in (tmp_path / "blobs").rglob("*"):
        os.utime(path, (old, old))


def keys(blobs: Blobs) -> set[str]:
    return {blob.key for folder in ("jobs", "styles", "grams") for blob in blobs.listing(folder)}


def submit(database: Database, id: str) -> None:
    Queue(database, Limits()).submit(Submission(id, REQUEST))


def test_files_of_jobs_that_are_gone_are_removed(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    submit(database, "here")
    blobs.put("jobs/here/content", b"1")
    blobs.put("jobs/gone/content", b"1")
    age(tmp_path)
    blobs.put("jobs/coming/content", b"1")  # its row may be about to be written
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == {"jobs/here/content", "jobs/coming/content"}


def test_jobs_expire_with_their_files_and_presets_do_not(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    queue, leases, presets = Queue(database, Limits()), Leases(database, 60), Presets(database, blobs)
    presets.put("kept", "", [StyleImage(check_image(png(np.zeros((20, 20, 3), np.uint8))))])
    for id in ("ended", "waiting", "running"):
        submit(database, id)
        blobs.put(f"jobs/{id}/content", b"1")
    queue.cancel("ended")
    leases.claim("host:1", {})
    sweep(database, blobs, 0, DAY_S)
    assert queue.get("ended").status == "canceled"
    time.sleep(0.1)
    sweep(database, blobs, 0, 0.05)
    with pytest.raises(NotFound):
        queue.get("ended")
    assert {key for key in keys(blobs) if key.startswith("jobs/")} == {"jobs/waiting/content", "jobs/running/content"}
    assert presets.get("kept")


def test_checkpoints_of_ended_jobs_are_removed(database: Database, blobs: Blobs) -> None:
    queue = Queue(database, Limits())
    for id in ("ended", "waiting"):
        submit(database, id)
        blobs.put(f"jobs/{id}/checkpoint-1", b"1")
    queue.cancel("ended")
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == {"jobs/waiting/checkpoint-1"}


def test_a_presets_files_stay_while_it_or_an_unfinished_job_needs_them(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    presets, queue = Presets(database, blobs), Queue(database, Limits())
    picture = check_image(png(np.zeros((20, 20, 3), np.uint8)))
    old, _ = presets.put("replaced", "", [StyleImage(picture)])
    unused, _ = presets.put("deleted", "", [StyleImage(picture)])
    queue.submit(Submission("job", WarmTask(StoredStyle("replaced", 1.0, 1.0, old.images), (64,))))
    new, _ = presets.put("replaced", "", [StyleImage(picture)])
    presets.delete("deleted")
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert {key.split("/")[1] for key in keys(blobs)} == {old.images[0].file.blob.split("/")[1], new.version}
    assert unused.version not in {old.version, new.version}
    queue.cancel("job")
    sweep(database, blobs, 0, DAY_S)
    assert {key.split("/")[1] for key in keys(blobs)} == {new.version}


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
        for _ in range(100):
            sweep(database, blobs, 0, DAY_S)
    finally:
        done.set()
        for looker in lookers:
            looker.join()


def test_the_oldest_grams_go_where_there_are_too_many(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    for i in range(5):
        blobs.put(f"grams/{i}", bytes(100))
        os.utime(tmp_path / "blobs" / "grams" / str(i), (1000 + i, 1000 + i))
    sweep(database, blobs, 250, DAY_S)
    assert keys(blobs) == {"grams/3", "grams/4"}


def test_pictures_of_a_series_that_broke_off_are_removed(database: Database, blobs: Blobs) -> None:
    queue, leases = Queue(database, Limits()), Leases(database, 60)
    submit(database, "done")
    claim = leases.claim("host:1", {})
    assert claim is not None
    for id in ("canceled", "waiting"):
        submit(database, id)
    for id in ("done", "canceled", "waiting"):
        blobs.put(f"jobs/{id}/result-1-0.png", b"1")
    leases.succeed(claim, RESULT)
    queue.cancel("canceled")
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == {"jobs/done/result-1-0.png", "jobs/waiting/result-1-0.png"}


def saved(presets: Presets, count: int) -> list[str]:
    picture = check_image(png(np.zeros((20, 20, 3), np.uint8)))
    return [presets.put(f"style-{i}", "", [StyleImage(picture)])[0].version for i in range(count)]


@pytest.mark.parametrize("count", [2, 30])
@pytest.mark.parametrize("known", [True, False])
def test_an_empty_database_over_files_of_another_removes_nothing(
    database: Database, tmp_path: Path, count: int, known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    blobs = Blobs((tmp_path / "blobs").as_uri())
    saved(Presets(database, blobs), count)
    if known:
        sweep(database, blobs, 0, DAY_S)
    age(tmp_path)
    before = keys(blobs)
    other = Database(f"sqlite:///{tmp_path}/other.db")
    for _ in range(2):
        saved(Presets(other, blobs), 5)  # the starters, say
        age(tmp_path)
        sweep(other, blobs, 0, DAY_S)
        assert before <= keys(blobs)
    assert "nothing is swept up" in caplog.text
    assert "accept-blobs" in caplog.text
    identity.accept(other, blobs)
    sweep(other, blobs, 0, DAY_S)
    assert not before & keys(blobs)
    other.close()


def copied(file: Path, to: Path) -> None:
    with closing(sqlite3.connect(file)) as now, closing(sqlite3.connect(to)) as copy:
        now.backup(copy)


def test_an_older_copy_of_the_database_removes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(identity, "COUNT_S", 0.0)
    blobs = Blobs((tmp_path / "blobs").as_uri())
    presets = Presets(database, blobs)
    saved(presets, 20)
    sweep(database, blobs, 0, DAY_S)
    copied(tmp_path / "service.db", tmp_path / "old.db")
    presets.put("newer", "", [StyleImage(check_image(png(np.zeros((20, 20, 3), np.uint8))))])
    sweep(database, blobs, 0, DAY_S)
    age(tmp_path)
    before = keys(blobs)
    old = Database(f"sqlite:///{tmp_path}/old.db")
    sweep(old, blobs, 0, DAY_S)
    assert keys(blobs) == before
    assert "an older copy" in caplog.text
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == before
    old.close()


def test_many_presets_may_be_deleted_at_once(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    presets = Presets(database, blobs)
    saved(presets, 30)
    sweep(database, blobs, 0, DAY_S)
    for i in range(30):
        presets.delete(f"style-{i}")
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == set()


def test_many_files_that_no_row_was_ever_for_are_left_alone(
    database: Database, blobs: Blobs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sweep(database, blobs, 0, DAY_S)
    for i in range(sweeping.MANY + 1):
        blobs.put(f"jobs/lost-{i}/content", b"1")
    age(tmp_path)
    before = keys(blobs)
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == before
    assert "21 of 21 files have no row" in caplog.text


def test_folders_of_before_are_adopted(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    presets = Presets(database, blobs)
    saved(presets, 5)
    with database.writing() as session:
        session.delete(session.get_one(MarkRow, identity.MARK))  # which those of before don't have
    blobs.put("styles/forgotten/0", b"1")
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert "styles/forgotten/0" not in keys(blobs)
    with database.reading() as session:
        assert identity.of_database(session) == identity.of_blobs(blobs) is not None


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_an_id_that_can_not_be_read_is_nobodys(
    database: Database, blobs: Blobs, tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    saved(Presets(database, blobs), 3)
    sweep(database, blobs, 0, DAY_S)
    blobs.put(identity.KEY, text)
    blobs.put("jobs/gone/content", b"1")
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert "jobs/gone/content" in keys(blobs)
    assert "don't belong together" in caplog.text


def left_over(blobs: Blobs, count: int) -> None:
    """Files of jobs that never had a row, as ordinary failures leave them."""
    for i in range(count):
        blobs.put(f"jobs/lost-{i}/content", b"1")


def test_files_that_failures_left_are_swept_up_while_some_have_rows(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    sweep(database, blobs, 0, DAY_S)
    saved(Presets(database, blobs), 3)
    left_over(blobs, 2 * sweeping.MANY)
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert len(keys(blobs)) == 6
    assert not any(key.startswith("jobs/") for key in keys(blobs))


def test_a_new_database_over_jobs_of_another_stays_apart_however_many_rows_it_gets(
    database: Database, blobs: Blobs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left_over(blobs, 5)
    age(tmp_path)
    before = keys(blobs)
    sweep(database, blobs, 0, DAY_S)
    saved(Presets(database, blobs), 10)
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert before <= keys(blobs)
    assert caplog.text.count("nothing is swept up") == 2
    identity.accept(database, blobs)
    sweep(database, blobs, 0, DAY_S)
    assert not before & keys(blobs)


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


def test_a_store_that_is_away_is_not_waited_for_with_each_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "PATIENCE_S", 0.0)
    blobs = Stubborn((tmp_path / "blobs").as_uri())
    sweep(database, blobs, 0, DAY_S)
    blobs.put("jobs/stuck/content", b"1")
    age(tmp_path)
    with pytest.raises(StorageError, match="could not be removed"):
        sweep(database, blobs, 0, DAY_S)


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


def test_files_that_lie_beside_the_folders_are_none_of_the_services(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    sweep(database, blobs, 0, DAY_S)
    for key in ("jobs/stray", "styles/stray", "jobs/gone/content"):
        blobs.put(key, b"1")
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == {"jobs/stray", "styles/stray"}


def test_more_folders_are_forgotten_than_a_statement_takes_parameters(database: Database) -> None:
    folders = [f"jobs/{i}" for i in range(5000)]
    with database.writing() as session:
        session.execute(insert(LeftRow), [{"folder": folder, "left_at": 0.0} for folder in folders])
    with database.writing() as session:
        driver = session.connection().connection.driver_connection
        assert driver is not None
        driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 2000)
        forget_left(session, folders[:-1])
    with database.reading() as session:
        assert left_folders(session) == {folders[-1]}
