"""Backups by rows and files: what is in them, and what can't be backed up."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest
from backup.filled_store import PICTURE, WEEK_S, Store, blobs_in
from jobs.stepped import State
from jobs.submitting import RESULT, claimed, submit
from sqlalchemy import select
from sweep.swept import end_retention

from service.__main__ import main
from service.backup import archive
from service.backup.data_paths import DataPaths, work_folder
from service.backup.restore import restore_backup
from service.backup.take import take_backup
from service.config import Settings
from service.errors import StorageError, Unavailable
from service.jobs.limits import Limits
from service.jobs.outbox import HELD
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import PHOTO, StoredStyle, job_blob, job_folder
from service.jobs.tasks import LearnTask
from service.storage import identity
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.preset_schema import PresetVersionRow
from service.storage.schema import DeliveryRow, JobRow
from service.storage.stored_files import StoredImage
from service.styles.preset_versions import PresetVersions
from service.styles.presets import Presets
from service.worker.reporter import Reporter


def test_what_is_restored_is_tied_and_nobody_works_on_it(store: Store, backup: Path, elsewhere: DataPaths) -> None:
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
    store: Store, elsewhere: DataPaths, tmp_path: Path
) -> None:
    store.presets.delete("kept")
    take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    restore_backup(elsewhere, tmp_path / "x.tar")
    database, blobs = Database(f"sqlite:///{elsewhere.database}"), Blobs(elsewhere.blobs.as_uri())
    versions = PresetVersions(database, WEEK_S)
    (former,) = versions.former("kept")
    preset = versions.restore("kept", former.version)
    assert blobs.get(preset.images[0].file.blob) == PICTURE.data
    database.close()


def test_an_expired_state_of_a_preset_is_left_out_though_its_row_is_there(
    store: Store, elsewhere: DataPaths, tmp_path: Path
) -> None:
    store.presets.delete("kept")
    end_retention(store.database)
    for blob in store.blobs.listing("styles"):  # as a sweep does, before it removes the row
        store.blobs.delete(blob.key)
    assert take_backup(store.places, WEEK_S, tmp_path / "x.tar").missing == []
    restore_backup(elsewhere, tmp_path / "x.tar")
    with closing(Database(f"sqlite:///{elsewhere.database}")) as database, database.reading() as session:
        assert session.scalars(select(PresetVersionRow.name)).all() == []


def test_a_blob_that_no_row_names_is_left_out(store: Store, elsewhere: DataPaths, tmp_path: Path) -> None:
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


def test_a_learning_needs_its_photographs_until_it_ends(store: Store, tmp_path: Path) -> None:
    id = new_id()
    photo = StoredImage(job_blob(id, f"{PHOTO}-0"), "p", 8, 8)
    store.queue.submit(Submission(id, LearnTask(StoredStyle("kept", 1.0, 1.0, ()), "v", 64, 1.0, (photo,))))
    assert take_backup(store.places, WEEK_S, tmp_path / "x.tar").missing == [photo.blob]
    store.queue.cancel(id)
    assert take_backup(store.places, WEEK_S, tmp_path / "y.tar").missing == []


def test_an_expired_job_is_left_out(store: Store, elsewhere: DataPaths, tmp_path: Path) -> None:
    store.queue.cancel(store.ids[1])
    take_backup(store.places, -1.0, tmp_path / "x.tar")
    restore_backup(elsewhere, tmp_path / "x.tar")
    assert not [key for key in blobs_in(elsewhere) if store.ids[1] in key]


def test_a_webhook_that_waited_for_the_pictures_of_an_expired_job_goes_out_after_the_restore(
    store: Store, elsewhere: DataPaths, tmp_path: Path
) -> None:
    deliver = {"url": "https://pictures.test/{variant}", "headers": {}}
    id = submit(store.queue, priority=1, callback_url="https://hook.test/", deliver=deliver)
    store.leases.succeed(claimed(store.leases), RESULT)
    take_backup(store.places, -1.0, tmp_path / "x.tar")
    restore_backup(elsewhere, tmp_path / "x.tar")
    with closing(Database(f"sqlite:///{elsewhere.database}")) as database, database.reading() as session:
        (told,) = session.scalars(select(DeliveryRow))
        assert session.scalar(select(JobRow.id).where(JobRow.id == id)) is None
    assert (told.job_id, told.due_at is not None and told.due_at < HELD) == (id, True)
    assert told.payload["data"]["delivery"]["status"] == "failed"


def test_the_checkpoint_and_the_preview_of_a_running_job_are_those_that_its_row_names(
    store: Store, elsewhere: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker goes on while files are copied, and overwrites both, also while they are copied themselves."""
    reporter = Reporter(store.leases, store.blobs, store.claim, lambda: False, 60)
    steps, add = iter(range(50, 5000, 50)), archive.ArchiveWriter.add

    def go_on() -> None:
        reporter.on_progress(State(next(steps)))
        reporter.report_last()

    def slow(self: archive.ArchiveWriter, name: str, file: IO[bytes]) -> int:
        if "/styles/" in name or "checkpoint" in name or "preview" in name:
            go_on()
        return add(self, name, file)

    go_on()
    monkeypatch.setattr(archive.ArchiveWriter, "add", slow)
    take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    restore_backup(elsewhere, tmp_path / "x.tar")
    blobs = Blobs(elsewhere.blobs.as_uri())
    with closing(Database(f"sqlite:///{elsewhere.database}")) as database:
        job = Queue(database, Limits()).get(store.claim.id)
    assert job.checkpoint is not None and job.checkpoint.blob is not None and job.preview is not None
    reached, last = job.checkpoint.progress.iteration, next(steps) - 50
    assert 50 < reached < last
    assert blobs.get(job.checkpoint.blob) == b"%d" % reached
    assert blobs.get(job.preview.blob) != store.blobs.get(job.preview.blob)


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

    def slow(self: archive.ArchiveWriter, name: str, file: IO[bytes]) -> int:
        stopping.wait(0.02)
        return add(self, name, file)

    monkeypatch.setattr(archive.ArchiveWriter, "add", slow)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        taken = [take_backup(store.places, WEEK_S, tmp_path / f"{i}.tar") for i in range(3)]
    finally:
        stopping.set()
        thread.join()
    assert [one.missing for one in taken] == [[]] * 3


def raising(*_: object) -> None:
    raise OSError


def test_what_a_killed_backup_left_is_no_obstacle(store: Store, tmp_path: Path) -> None:
    left = tmp_path / "x.tar.partial"
    with pytest.MonkeyPatch.context() as killed, work_folder(left) as folder:
        (folder / "folder").mkdir()
        (folder / "backup.tar").write_bytes(b"half")
        killed.setattr("shutil.rmtree", raising)  # while it removes them
    assert left.exists()
    take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    assert not left.exists()


def test_a_folder_of_somebody_else_s_stays(store: Store, tmp_path: Path) -> None:
    theirs = tmp_path / "x.tar.partial" / "precious"
    theirs.parent.mkdir(0o700)
    theirs.write_bytes(b"1")
    with pytest.raises(Unavailable, match="move them away"):
        take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    assert theirs.read_bytes() == b"1"
    assert not (tmp_path / "x.tar").exists()


@pytest.mark.parametrize("what", ["open to others", "a link", "of another user"])
def test_a_folder_that_others_prepared_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    prepared = tmp_path / "x.tar.partial"
    if what == "a link":
        (tmp_path / "theirs").mkdir(0o700)
        prepared.symlink_to(tmp_path / "theirs")
    else:
        prepared.mkdir(0o755 if what == "open to others" else 0o700)
    if what == "of another user":
        monkeypatch.setattr(os, "geteuid", lambda: prepared.stat().st_uid + 1)
    with pytest.raises(Unavailable, match=r"x\.tar\.partial is no folder that this user alone may enter"):
        take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    assert list(prepared.iterdir()) == []
    assert not (tmp_path / "x.tar").exists()


def test_nobody_else_may_read_the_copies_of_the_database(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes, add = dict[str, int](), archive.ArchiveWriter.add

    def watched(self: archive.ArchiveWriter, name: str, file: IO[bytes]) -> int:
        found = (tmp_path / "x.tar.partial").glob("service.*")
        modes.update({path.suffix: path.stat().st_mode & 0o777 for path in found})
        return add(self, name, file)

    monkeypatch.setattr(archive.ArchiveWriter, "add", watched)
    take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    assert {".db", ".compacted"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_a_backup_that_fails_leaves_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive.ArchiveWriter, "finish", lambda *_: (tmp_path / "not" / "there").read_bytes())
    with pytest.raises(Exception, match="could not be written"):
        take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_backup_that_is_told_to_end_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(archive.ArchiveWriter, "finish", lambda *_: os.kill(os.getpid(), number))
    monkeypatch.setenv("NST_DATA", str(store.places.database.parent))
    before = signal.signal(number, signal.SIG_DFL)  # under nohup SIGHUP would be ignored
    try:
        with pytest.raises(SystemExit, match=f"{128 + number}"):
            main(["backup", str(tmp_path / "x.tar")])
        assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    "settings", [{"database_url": "postgresql+psycopg://nst@db/nst"}, {"blobs": "s3://bucket/x"}]
)
def test_postgresql_and_s3_are_sent_to_the_docs(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"docs/operating\.md"):
        DataPaths.of(Settings(data=tmp_path, **settings))


def test_no_database_is_made_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no database"):
        take_backup(DataPaths.of(Settings(data=tmp_path / "none")), WEEK_S, tmp_path / "x.tar")
    assert list(tmp_path.iterdir()) == []


def test_a_place_at_which_the_system_refuses_to_look_is_named(store: Store, tmp_path: Path) -> None:
    closed = tmp_path / ("x" * 300)
    with pytest.raises(StorageError, match=r"service\.db can't be reached: File name too long"):
        take_backup(DataPaths.of(Settings(data=closed)), WEEK_S, tmp_path / "x.tar")
    with pytest.raises(StorageError, match=r"x\.tar could not be written: .*File name too long"):
        take_backup(store.places, WEEK_S, closed / "x.tar")
