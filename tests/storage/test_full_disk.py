"""A disk without room is said, keeps what was there, and takes more once there is room again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import DatabaseError, StorageError
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.schema import SecretRow

SIZE = 1_000_000  # bytes


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of about 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "nst-test", folder]
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
