"""The sweep removes nothing if the database and the files don't belong together."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from front_door import png
from sweep.swept import DAY_S, age, keys, left_over, saved

from service.decoding.files import check_image
from service.pictures.style_image import StyleImage
from service.storage import identity
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.schema import MarkRow
from service.styles.presets import Presets
from service.worker import sweep_plan
from service.worker.sweep import sweep


@pytest.mark.parametrize("count", [2, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.slow
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


@pytest.mark.slow
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


def test_many_files_that_no_row_was_ever_for_are_left_alone(
    database: Database, blobs: Blobs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sweep(database, blobs, 0, DAY_S)
    for i in range(sweep_plan.MANY + 1):
        blobs.put(f"jobs/lost-{i}/content", b"1")
    age(tmp_path)
    before = keys(blobs)
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == before
    assert "21 of 21 files have no row" in caplog.text


def test_a_store_that_holds_painters_alone_holds_files(blobs: Blobs) -> None:
    assert identity.is_new_store(blobs)
    blobs.put("painters/learned/weights.safetensors", b"1")
    assert not identity.is_new_store(blobs)


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


def test_an_empty_store_in_the_place_of_the_right_one_gets_no_id(
    database: Database, blobs: Blobs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It would look like the right one. A database of an earlier version learns at its next sweep that it has one."""
    sweep(database, blobs, 0, DAY_S)
    with database.writing() as session:
        session.delete(session.get_one(MarkRow, identity.GIVEN))  # which those of before don't have
    sweep(database, blobs, 0, DAY_S)
    empty = Blobs((tmp_path / "empty").as_uri())
    sweep(database, empty, 0, DAY_S)
    assert "the blob store has no id and the other one has" in caplog.text
    assert identity.of_blobs(empty) is None
    identity.accept(database, empty)
    with database.reading() as session:
        assert identity.of_database(session) == identity.of_blobs(empty) is not None


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff\xfe"])
@pytest.mark.slow
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
