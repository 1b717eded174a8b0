"""Whether a failed transaction left anything is said, and files whose row didn't come about don't stay."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from front_door import png
from sqlalchemy import text

from service.decoding import files
from service.errors import DatabaseError, DatabaseFull, QueueFull, StorageError, Unavailable
from service.pictures.images import ImageFile, UnreadableImage
from service.pictures.style_image import StyleImage
from service.storage import database as databases
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.unsaved import remove_unsaved, removed_if_undone
from service.styles.presets import Presets

PICTURE = png(np.zeros((20, 20, 3), np.uint8))

NewImage: TypeAlias = StyleImage[ImageFile]


@pytest.fixture
def database_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_S", 0.05)
    return f"sqlite:///{tmp_path}/service.db"


@pytest.fixture
def locked(database: Database, tmp_path: Path) -> Iterator[None]:
    """Somebody else is writing into the database all the time."""
    with closing(sqlite3.connect(tmp_path / "service.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


@pytest.fixture
def image() -> NewImage:
    return StyleImage(files.check_image(PICTURE))


def keys(blobs: Blobs) -> set[str]:
    return {blob.key for blob in blobs.listing("styles")}


@pytest.mark.usefixtures("locked")
def test_a_preset_that_a_locked_database_refuses_leaves_no_files(
    database: Database, blobs: Blobs, image: NewImage
) -> None:
    presets = Presets(database, blobs)
    for call in (lambda: presets.put("a", "", [image]), lambda: presets.put_once("few", [("a", "", [image])])):
        with pytest.raises(DatabaseError, match="locked") as refused:
            call()
        assert refused.value.undone
        assert keys(blobs) == set()


@pytest.mark.parametrize("error", [Unavailable("no process for pictures"), UnreadableImage("broken")])
def test_a_preset_without_a_thumbnail_leaves_no_files(
    database: Database, blobs: Blobs, image: NewImage, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(files, "thumbnail", fails)
    with pytest.raises(type(error)):
        Presets(database, blobs).put("a", "", [image])
    assert keys(blobs) == set()


def test_a_preset_whose_task_is_refused_leaves_no_files(database: Database, blobs: Blobs, image: NewImage) -> None:
    def warm(session: object, images: Any) -> None:
        raise QueueFull("full")

    with pytest.raises(QueueFull):
        Presets(database, blobs).put("a", "", [image], also=warm)
    assert keys(blobs) == set()


def test_a_store_that_fails_half_way_keeps_no_half(database: Database, tmp_path: Path, image: NewImage) -> None:
    class NoThumbnails(Blobs):
        def put(self, key: str, data: bytes) -> None:
            if key.endswith("thumbnail.jpg"):
                raise StorageError("the disk is full")
            super().put(key, data)

    blobs = NoThumbnails((tmp_path / "blobs").as_uri())
    with pytest.raises(StorageError):
        Presets(database, blobs).put("a", "", [image])
    assert keys(blobs) == set()


def _failed(undone: bool) -> DatabaseError:
    error = DatabaseError("the server went away")
    error.undone = undone
    return error


@pytest.mark.parametrize(
    ("error", "stays"),
    [(_failed(True), False), (_failed(False), True), (DatabaseFull("full"), False), (QueueFull("full"), False)],
)
def test_files_stay_only_where_there_may_be_a_row(blobs: Blobs, error: Exception, stays: bool) -> None:
    with pytest.raises(type(error)), removed_if_undone(blobs, ["styles/new"]):
        blobs.put("styles/new/0", b"1")
        raise error
    assert bool(keys(blobs)) is stays


def test_a_commit_that_fails_may_have_been_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a server goes away while it commits, nobody knows whether it still did."""

    def fails(connection: Any) -> None:
        raise sqlite3.OperationalError("the server went away")

    monkeypatch.setattr(database._engine.dialect, "do_commit", fails)
    with pytest.raises(DatabaseError) as failed, database.writing() as session:
        session.execute(text("CREATE TABLE new (a)"))
    assert not failed.value.undone


def test_a_statement_that_fails_is_known_to_be_undone(database: Database) -> None:
    with pytest.raises(DatabaseError) as failed, database.writing() as session:
        session.execute(text("INSERT INTO nowhere VALUES (1)"))
    assert failed.value.undone


def test_a_store_that_removes_slowly_holds_a_request_up_for_so_long(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [f"jobs/{i}" for i in range(50)]
    for folder in folders:
        blobs.put(f"{folder}/content", b"1")
    remove = Blobs.delete_all

    def slowly(store: Blobs, prefix: str) -> None:
        time.sleep(0.02)
        remove(store, prefix)

    monkeypatch.setattr(Blobs, "delete_all", slowly)
    remove_unsaved(blobs, folders, 0.1)
    assert len(list(blobs.listing("jobs"))) > 40
    remove_unsaved(blobs, folders)
    assert not list(blobs.listing("jobs"))
