"""What `restore` refuses: files that are no backup, and places that aren't empty or lack room."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backup.filled_store import is_untouched

from service.backup.data_paths import DataPaths
from service.backup.restore import restore_backup
from service.errors import InvalidInput, NoSpace, Unavailable
from service.storage import disks


def rewritten(file: Path, name: str, data: bytes, *, as_name: str = "") -> None:
    """Give a member of an archive other bytes, or another name."""
    with tarfile.open(file) as tar:
        members = [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    with tarfile.open(file, "w") as tar:
        for found, own in members:
            info = tarfile.TarInfo(as_name if as_name and found == name else found)
            content = data if found == name else own
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def manifest_of(file: Path) -> dict[str, Any]:
    with tarfile.open(file) as tar:
        found: dict[str, Any] = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
    return found


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def with_other_bytes(file: Path) -> None:
    name = next(name for name in manifest_of(file)["files"] if name.startswith("blobs/styles"))
    rewritten(file, name, b"other")


def with_manifest(**changes: object) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        rewritten(file, "manifest.json", json.dumps(manifest_of(file) | changes).encode())

    return change


def without_a_member(file: Path) -> None:
    name = next(name for name in manifest_of(file)["files"] if name.startswith("blobs/styles"))
    rewritten(file, name, b"", as_name="blobs/other")


def with_a_name_outside(file: Path) -> None:
    digest = {"sha256": hashlib.sha256(b"x").hexdigest(), "size": 1}
    name = "blobs/../../outside"
    rewritten(file, "manifest.json", json.dumps(manifest_of(file) | {"files": {name: digest}}).encode())
    with tarfile.open(file, "a") as tar:
        info = tarfile.TarInfo(name)
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut, "whole"),
        (lambda file: file.write_bytes(b"no tar at all" * 1000), "is no backup"),
        (lambda file: file.write_bytes(b""), "is no backup"),
        (Path.unlink, "doesn't exist"),
        (with_other_bytes, "is damaged: blobs/styles/"),
        (without_a_member, "lacks 1 files"),
        (with_manifest(format=2, service="9.9"), "version 9.9"),
        (with_manifest(revision="9999"), "revision 9999"),
        (with_manifest(files=7), "manifest"),
        (with_a_name_outside, "has a member that no backup has"),
    ],
)
def test_a_file_that_is_no_whole_backup_is_refused_and_nothing_is_touched(
    backup: Path, elsewhere: DataPaths, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(backup)
    with pytest.raises(InvalidInput, match=said) as caught:
        restore_backup(elsewhere, backup)
    assert [error.loc for error in caught.value.errors] == ["FILE"]
    assert is_untouched(elsewhere)


@pytest.mark.parametrize("there", ["service.db", "service.db-wal", "blobs/jobs/x/content", "blobs/store/id"])
def test_a_place_with_data_is_refused(backup: Path, elsewhere: DataPaths, there: str) -> None:
    file = elsewhere.database.parent / there
    file.parent.mkdir(parents=True)
    file.write_bytes(b"1")
    with pytest.raises(Unavailable, match="there is data already"):
        restore_backup(elsewhere, backup)
    assert [path for path in elsewhere.database.parent.rglob("*") if path.is_file()] == [file]


def test_after_a_restore_that_was_killed_it_is_said_what_to_remove(
    backup: Path, elsewhere: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kill comes at the worst moment: blobs are in their place, and the database isn't."""
    child = os.fork()
    if not child:
        try:
            monkeypatch.setattr(os, "sync", lambda: os.kill(os.getpid(), signal.SIGKILL))
            restore_backup(elsewhere, backup)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    with pytest.raises(Unavailable, match="ended between the two") as caught:
        restore_backup(elsewhere, backup)
    said = caught.value.detail
    for folder in said[said.index("remove ") + len("remove ") : said.index(", and restore")].split(", "):
        shutil.rmtree(folder)
    restore_backup(elsewhere, backup)
    assert elsewhere.database.exists()
    assert not [path for path in elsewhere.database.parent.rglob("*") if "partial" in path.name]


def test_empty_folders_are_no_data(backup: Path, elsewhere: DataPaths) -> None:
    (elsewhere.blobs / "jobs").mkdir(parents=True)
    restore_backup(elsewhere, backup)
    assert elsewhere.database.exists()


def test_a_backup_that_has_no_room_is_refused(
    backup: Path, elsewhere: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks.Disk, "free", lambda self: 1000)
    with pytest.raises(NoSpace, match="the backup takes"):
        restore_backup(elsewhere, backup)
    assert is_untouched(elsewhere)
