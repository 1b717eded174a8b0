"""Backups by rows and files: what is in them, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import png
from jobs.submitting import REQUEST

from service.backup import archive
from service.backup.places import Places
from service.backup.restore import restore_backup
from service.backup.take import take_backup
from service.config import Settings
from service.decoding.files import check_image
from service.errors import InvalidInput, NoSpace, StorageError, Unavailable
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import job_folder
from service.pictures.style_image import StyleImage
from service.storage import disks, identity
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.pictures import StoredImage
from service.styles.preset_versions import PresetVersions
from service.styles.presets import Presets

WEEK_S = 7 * 86_400.0
PICTURE = check_image(png(np.zeros((20, 20, 3), np.uint8)))


class Store:
    """A database and blobs in a folder, with a preset, a running job and a waiting one."""

    def __init__(self, data: Path) -> None:
        self.places = Places.of(Settings(data=data))
        self.database, self.blobs = Database(Settings(data=data).database), Blobs(Settings(data=data).blob_url)
        self.queue = Queue(self.database, Limits())
        self.presets = Presets(self.database, self.blobs)
        self.save("kept")
        self.ids = [self.submit() for _ in range(2)]
        assert Leases(self.database, 60).claim("host:1", {}) is not None

    def save(self, name: str) -> None:
        self.presets.put(name, "", [StyleImage(PICTURE)])

    def submit(self) -> str:
        id = new_id()
        key = f"{job_folder(id)}/content"
        self.blobs.put(key, id.encode())
        request = type(REQUEST)(StoredImage(key, "c", 8, 8), REQUEST.base)
        self.queue.submit(Submission(id, request))
        return id


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.database.close()


@pytest.fixture
def backup(store: Store, tmp_path: Path) -> Path:
    file = tmp_path / "backup.tar"
    take_backup(store.places, WEEK_S, file)
    return file


@pytest.fixture
def elsewhere(tmp_path: Path) -> Places:
    return Places.of(Settings(data=tmp_path / "elsewhere"))


def blobs_in(places: Places) -> set[str]:
    return {str(path.relative_to(places.blobs)) for path in places.blobs.rglob("*") if path.is_file()}


def is_untouched(places: Places) -> bool:
    return not places.database.exists() and not blobs_in(places)


def test_what_is_restored_is_tied_and_nobody_works_on_it(store: Store, backup: Path, elsewhere: Places) -> None:
    restore_backup(elsewhere, backup)
    assert elsewhere.blobs == Path(elsewhere.database.parent / "blobs")
    database, blobs = Database(f"sqlite:///{elsewhere.database}"), Blobs(elsewhere.blobs.as_uri())
    rows = [Queue(database, Limits()).get(id) for id in store.ids]
    assert [(row.status, row.worker, row.attempts) for row in rows] == [("queued", None, 0)] * 2
    assert [blobs.get(row.request["content"]["blob"]).decode() for row in rows] == store.ids
    preset = Presets(database, blobs).get("kept")
    assert blobs.get(preset.images[0].file.blob) == PICTURE.data
    assert identity.standing(database, blobs, identity.Fit(plausible=False, styles=1)) == ""
    assert store.queue.get(store.ids[0]).status == "running"
    database.close()


def test_a_former_state_of_a_preset_comes_back_with_its_files(
    store: Store, elsewhere: Places, tmp_path: Path
) -> None:
    store.presets.delete("kept")
    take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    restore_backup(elsewhere, tmp_path / "x.tar")
    database, blobs = Database(f"sqlite:///{elsewhere.database}"), Blobs(elsewhere.blobs.as_uri())
    versions = PresetVersions(database, WEEK_S)
    (former,) = versions.former("kept")
    preset = versions.restore("kept", former.version, may_share=False)
    assert blobs.get(preset.images[0].file.blob) == PICTURE.data
    database.close()


def test_a_blob_that_no_row_names_is_left_out(store: Store, elsewhere: Places, tmp_path: Path) -> None:
    store.blobs.put("jobs/nobody/content", b"1")
    store.blobs.put("grams/x", b"1")
    taken = take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    assert taken.missing == []
    restore_backup(elsewhere, tmp_path / "x.tar")
    assert {key.split("/")[0] for key in blobs_in(elsewhere)} == {"jobs", "styles", "store"}
    assert "jobs/nobody/content" not in blobs_in(elsewhere)


def test_what_the_service_itself_lacks_is_said(store: Store, tmp_path: Path) -> None:
    key = f"{job_folder(store.ids[1])}/content"
    store.blobs.delete(key)
    assert take_backup(store.places, WEEK_S, tmp_path / "x.tar").missing == [key]


def test_an_expired_job_is_left_out(store: Store, elsewhere: Places, tmp_path: Path) -> None:
    store.queue.cancel(store.ids[1])
    take_backup(store.places, -1.0, tmp_path / "x.tar")
    restore_backup(elsewhere, tmp_path / "x.tar")
    assert not [key for key in blobs_in(elsewhere) if store.ids[1] in key]


@pytest.mark.slow
def test_no_blob_is_missing_though_rows_and_blobs_go_all_the_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each blob takes a while to be copied, and whatever can be deleted then is deleted."""
    stopping, add = threading.Event(), archive.ArchiveWriter.add
    fleeting = [store.submit() for _ in range(10)]

    def work() -> None:
        while not stopping.is_set():
            fleeting.append(store.submit())
            id = fleeting.pop(0)
            store.queue.delete(id)
            store.blobs.delete_all(job_folder(id))

    def slow(self: archive.ArchiveWriter, name: str, path: Path) -> int:
        stopping.wait(0.02)
        return add(self, name, path)

    monkeypatch.setattr(archive.ArchiveWriter, "add", slow)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        taken = [take_backup(store.places, WEEK_S, tmp_path / f"{i}.tar") for i in range(3)]
    finally:
        stopping.set()
        thread.join()
    assert [one.missing for one in taken] == [[]] * 3


def test_what_a_killed_backup_left_is_no_obstacle(store: Store, tmp_path: Path) -> None:
    left = tmp_path / "x.tar.partial"
    (left / "folder").mkdir(parents=True)
    (left / "backup.tar").write_bytes(b"half")
    take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    assert not left.exists()


def test_a_backup_that_fails_leaves_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive.ArchiveWriter, "finish", lambda *_: (tmp_path / "not" / "there").read_bytes())
    with pytest.raises(Exception, match="could not be written"):
        take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


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
    backup: Path, elsewhere: Places, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(backup)
    with pytest.raises(InvalidInput, match=said) as caught:
        restore_backup(elsewhere, backup)
    assert [error.loc for error in caught.value.errors] == ["FILE"]
    assert is_untouched(elsewhere)


@pytest.mark.parametrize("there", ["service.db", "service.db-wal", "blobs/jobs/x/content", "blobs/store/id"])
def test_a_place_with_data_is_refused(backup: Path, elsewhere: Places, there: str) -> None:
    file = elsewhere.database.parent / there
    file.parent.mkdir(parents=True)
    file.write_bytes(b"1")
    with pytest.raises(Unavailable, match="there is data already"):
        restore_backup(elsewhere, backup)
    assert [path for path in elsewhere.database.parent.rglob("*") if path.is_file()] == [file]


def test_after_a_restore_that_was_killed_it_is_said_what_to_remove(
    backup: Path, elsewhere: Places, monkeypatch: pytest.MonkeyPatch
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


def test_empty_folders_are_no_data(backup: Path, elsewhere: Places) -> None:
    (elsewhere.blobs / "jobs").mkdir(parents=True)
    restore_backup(elsewhere, backup)
    assert elsewhere.database.exists()


def test_a_backup_that_has_no_room_is_refused(
    backup: Path, elsewhere: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks.Disk, "free", lambda self: 1000)
    with pytest.raises(NoSpace, match="the backup takes"):
        restore_backup(elsewhere, backup)
    assert is_untouched(elsewhere)


@pytest.mark.parametrize(
    "settings", [{"database_url": "postgresql+psycopg://nst@db/nst"}, {"blobs": "s3://bucket/x"}]
)
def test_postgresql_and_s3_are_sent_to_the_docs(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"docs/operating\.md"):
        Places.of(Settings(data=tmp_path, **settings))


def test_no_database_is_made_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no database"):
        take_backup(Places.of(Settings(data=tmp_path / "none")), WEEK_S, tmp_path / "x.tar")
    assert list(tmp_path.iterdir()) == []


def test_a_place_at_which_the_system_refuses_to_look_is_named(store: Store, tmp_path: Path) -> None:
    closed = tmp_path / ("x" * 300)
    with pytest.raises(StorageError, match=r"service\.db can't be reached: File name too long"):
        take_backup(Places.of(Settings(data=closed)), WEEK_S, tmp_path / "x.tar")
    with pytest.raises(StorageError, match=r"x\.tar could not be written: .*File name too long"):
        take_backup(store.places, WEEK_S, closed / "x.tar")
