"""The sweep removes what nothing needs, and nothing else."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from front_door import png
from jobs.submitting import REQUEST, RESULT, claimed
from sqlalchemy import insert, update
from sweep.swept import DAY_S, age, keys, left_over, saved, submit

from service.decoding.files import check_image
from service.errors import NotFound, StorageError
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.jobs.request import StoredStyle
from service.jobs.tasks import CompareTask, JudgeTask, LearnTask
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.counted import BLOCK
from service.storage.database import Database
from service.storage.left import forget_left, left_folders
from service.storage.left_schema import LeftRow
from service.storage.records import DonePicture, JobCheckpoint, JobProgress
from service.storage.schema import JobRow
from service.storage.stored_files import StoredImage, StoredPainter
from service.storage.unsaved import FEW, note_unsaved
from service.styles.presets import Presets
from service.worker import sweep_plan
from service.worker.sweep import sweep


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


@pytest.mark.parametrize("name", ["checkpoint-1", "photo-0"])
def test_what_only_unfinished_jobs_need_is_removed(database: Database, blobs: Blobs, name: str) -> None:
    queue = Queue(database, Limits())
    for id in ("ended", "waiting"):
        submit(database, id)
        blobs.put(f"jobs/{id}/{name}", b"1")
    queue.cancel("ended")
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == {f"jobs/waiting/{name}"}


def submit_learning(queue: Queue, blobs: Blobs) -> None:
    """Submit a learning with a photograph that counts a megabyte."""
    photo = StoredImage("jobs/learn/photo-0", "p", 8, 8)
    learn = LearnTask(StoredStyle("taught", 1.0, 1.0, ()), "v", 64, 1.0, (photo,))
    queue.submit(Submission("learn", learn, files=(10**6,)))
    blobs.put(photo.blob, b"1")


def test_photographs_of_a_learning_that_never_ran_count_until_they_are_removed(
    database: Database, blobs: Blobs
) -> None:
    queue = Queue(database, Limits())
    submit_learning(queue, blobs)
    for _ in range(2):  # a worker gives it back in between
        assert queue.get("learn").bytes > 10**6
        queue.cancel("learn")
    sweep(database, blobs, 0, DAY_S)
    assert queue.get("learn").bytes < 10**4
    assert keys(blobs) == set()


def test_photographs_of_a_learning_whose_worker_died_count_until_they_are_removed(
    database: Database, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(database, Limits())
    submit_learning(queue, blobs)
    claimed(Leases(database, 0.0), "dead:1")
    queue.cancel("learn")
    assert Leases(database, 60).claim("next:1", {}) is None
    assert queue.get("learn").status == "canceled"
    with monkeypatch.context() as patched:
        patched.setattr(blobs, "delete", raising)
        sweep(database, blobs, 0, DAY_S)
    assert queue.get("learn").bytes > 10**6
    sweep(database, blobs, 0, DAY_S)
    assert queue.get("learn").bytes < 10**4
    assert keys(blobs) == set()


@pytest.mark.parametrize("name", ["compared-1-0.png", "photo-0"])
def test_what_an_unfinished_job_needs_of_an_expired_one_stays_until_it_ends(
    database: Database, blobs: Blobs, tmp_path: Path, name: str
) -> None:
    queue = Queue(database, Limits())
    submit(database, "learned")
    queue.cancel("learned")
    needed = {f"jobs/learned/{name}", f"jobs/without-row/{name}"}
    photos = tuple(StoredImage(key, "p", 8, 8) for key in needed)
    queue.submit(Submission("compare", CompareTask(StoredStyle("taught", 1.0, 1.0, ()), "v", 64, photos)))
    for key in {*needed, "jobs/learned/sheet"}:
        blobs.put(key, b"1")
    age(tmp_path)
    sweep(database, blobs, 0, -1)
    assert keys(blobs) == needed
    queue.cancel("compare")
    assert statuses(database) == {"learned": "canceled", "compare": "canceled"}
    sweep(database, blobs, 0, -1)
    assert (keys(blobs), statuses(database)) == (set(), {})


@pytest.mark.parametrize("task", ["a judging of it", "a painting in it"])
def test_what_unfinished_jobs_use_keeps_no_expired_row(
    database: Database, blobs: Blobs, tmp_path: Path, task: str
) -> None:
    queue, leases = Queue(database, Limits()), Leases(database, 60)
    content = StoredImage("jobs/ended/content", "p", 8, 8)
    painter = StoredPainter("painters/ended/weights-1.safetensors", "w", 64)
    transfer = replace(REQUEST, content=content)
    queue.submit(Submission("ended", transfer))
    if task == "a judging of it":
        leases.succeed(claimed(leases), RESULT, then=JudgeTask("ended", transfer))
        left = set()
    else:
        leases.succeed(claimed(leases), RESULT)
        painting = replace(REQUEST.base, styles=(StoredStyle("taught", 1.0, 1.0, (), painter=painter),))
        queue.submit(Submission("painting", replace(REQUEST, base=painting)))
        left = {painter.blob}
    for key in (content.blob, "jobs/ended/result", painter.blob):
        blobs.put(key, b"1")
    age(tmp_path)
    sweep(database, blobs, 0, -1)
    assert (keys(blobs), "ended" in statuses(database)) == (left, False)
    assert len(statuses(database)) == len(left)


def statuses(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {row.id: row.status for row in session.query(JobRow)}


def raising(key: str) -> None:
    raise StorageError(f"{key} can't be removed")


def test_what_killed_processes_left_of_a_check_is_removed(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    submit(database, "here")
    blobs.put("probe/killed", b"1")
    age(tmp_path)
    blobs.put("probe/under-way", b"1")
    sweep(database, blobs, 0, DAY_S)
    assert [blob.key for blob in blobs.listing("probe")] == ["probe/under-way"]


def test_the_oldest_grams_go_where_there_are_too_many(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    for i in range(5):
        blobs.put(f"grams/{i}", bytes(100))
        os.utime(tmp_path / "blobs" / "grams" / str(i), (1000 + i, 1000 + i))
    sweep(database, blobs, 250, DAY_S)
    assert keys(blobs) == {"grams/3", "grams/4"}


def test_of_a_series_that_broke_off_only_the_finished_pictures_stay(database: Database, blobs: Blobs) -> None:
    """Those of earlier versions, whose bytes weren't counted, were removed then: they don't count as finished."""
    queue, leases = Queue(database, Limits()), Leases(database, 60)
    claims = {}
    for id in ("done", "broken", "before"):
        submit(database, id)
        claims[id] = claimed(leases)
        for k in range(2):
            blobs.put(f"jobs/{id}/result-1-{k}.png", b"1")
    for id in ("canceled", "waiting"):
        submit(database, id)
        blobs.put(f"jobs/{id}/result-1-0.png", b"1")
    for id, size in (("broken", 1), ("before", 0)):
        first = DonePicture(f"jobs/{id}/result-1-0.png", "r", 64, 48, bytes=size)
        leases.report(claims[id], checkpoint=JobCheckpoint(None, JobProgress(), (first,)))
        leases.cancel(claims[id])
    leases.succeed(claims["done"], RESULT)
    queue.cancel("canceled")
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == {
        *(f"jobs/done/result-1-{k}.png" for k in range(2)),
        "jobs/broken/result-1-0.png",
        "jobs/waiting/result-1-0.png",
    }
    assert [len(queue.get(id).finished_pictures) for id in ("broken", "before")] == [1, 0]
    assert queue.get("broken").bytes - queue.get("before").bytes == BLOCK  # of its picture


def test_files_that_failures_left_are_swept_up_while_some_have_rows(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    sweep(database, blobs, 0, DAY_S)
    saved(Presets(database, blobs), 3)
    left_over(blobs, 2 * sweep_plan.MANY)
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert len(keys(blobs)) == 6
    assert not any(key.startswith("jobs/") for key in keys(blobs))


def test_what_a_killed_process_wrote_before_many_rows_stops_no_sweep(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    folders = [f"jobs/lost-{i}" for i in range(100)]
    note_unsaved(database, folders, len(folders))
    sweep(database, blobs, 0, DAY_S)  # before the files are there
    left_over(blobs, len(folders))
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == set()
    with database.writing() as session:
        assert left_folders(session) == set(folders)
        session.execute(update(LeftRow).values(left_at=0.0))
    sweep(database, blobs, 0, DAY_S)
    with database.reading() as session:
        assert left_folders(session) == set()


def test_files_need_be_old_only_where_a_row_may_come(database: Database, blobs: Blobs) -> None:
    submit(database, "gone")
    note_unsaved(database, ["jobs/coming"], FEW + 1)
    for id in ("gone", "coming"):
        blobs.put(f"jobs/{id}/content", b"1")
    Queue(database, Limits()).delete("gone")
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == {"jobs/coming/content"}


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
