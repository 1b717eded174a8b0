"""The room that a backup takes is looked at before it is taken: accepted jobs have the room of their results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from backup.filled_store import WEEK_S, Store
from sqlalchemy import update

from service.__main__ import main
from service.backup.archive import ArchiveWriter
from service.backup.take import take_backup
from service.errors import NoSpace
from service.machine.memory import MIB
from service.storage.disks import Disk
from service.storage.schema import JobRow

LARGE = 3 * MIB  # bytes of a blob
BackupWith = Callable[[int, int], int]


class Free:
    """Bytes that are free on the disk, however much is written."""

    bytes = 20 * MIB


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Free:
    free = Free()
    monkeypatch.setattr(Disk, "free", lambda disk: free.bytes)
    monkeypatch.setattr(Disk, "size", lambda disk: 2**40)
    return free


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that archives got."""
    names, add = list[str](), ArchiveWriter.add

    def note(self: ArchiveWriter, name: str, file: IO[bytes]) -> int:
        size = add(self, name, file)
        names.append(name)
        return size

    monkeypatch.setattr(ArchiveWriter, "add", note)
    return names


def reserve(store: Store, size: int) -> None:
    """Promise so many bytes to the results of a waiting job."""
    with store.database.writing() as session:
        session.execute(update(JobRow).where(JobRow.id == store.ids[1]).values(reserved=size))


@pytest.fixture
def backup_with(store: Store, tmp_path: Path, free: Free, monkeypatch: pytest.MonkeyPatch) -> BackupWith:
    """A function that backs up a large blob, where so many MiB are the floor and reserved; it returns the status."""

    def back_up(floor_mb: int, reserved_mb: int) -> int:
        store.blobs.put(f"jobs/{store.ids[1]}/content", bytes(LARGE))
        reserve(store, reserved_mb * MIB)
        monkeypatch.setenv("NST_DATA", str(store.places.database.parent))
        monkeypatch.setenv("NST_DISK_FLOOR_MB", str(floor_mb))
        return main(["backup", str(tmp_path / "x.tar")])

    return back_up


@pytest.mark.parametrize(("floor_mb", "reserved_mb"), [(15, 0), (10, 5)])
def test_a_backup_that_leaves_the_room_of_the_service_is_written(
    backup_with: BackupWith, capsys: pytest.CaptureFixture[str], floor_mb: int, reserved_mb: int
) -> None:
    assert backup_with(floor_mb, reserved_mb) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("floor_mb", "reserved_mb"), [(18, 0), (10, 8), (0, 14)])  # without a floor 4 MiB stay, too
def test_one_that_would_take_it_is_refused_before_a_file_is_copied(
    backup_with: BackupWith, added: list[str], capsys: pytest.CaptureFixture[str], floor_mb: int, reserved_mb: int
) -> None:
    assert backup_with(floor_mb, reserved_mb) == 2
    assert added == []
    said = capsys.readouterr().err
    assert "there is no room for the backup: it takes 3." in said
    assert "stay for the service and results to come (NST_DISK_FLOOR_MB)" in said


def test_not_even_the_database_is_copied_where_it_has_no_room(
    backup_with: BackupWith, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backup_with(20, 0) == 2
    assert "it takes 0." in capsys.readouterr().err  # the database alone, before any blob is looked at


def test_a_disk_elsewhere_needs_room_for_the_backup_alone(
    store: Store, tmp_path: Path, free: Free, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "is_that_of", lambda *_: False)
    reserve(store, 30 * MIB)
    store.blobs.put("large", bytes(LARGE))
    free.bytes = 2 * MIB
    take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    (store.places.blobs / "large").rename(store.places.blobs / f"jobs/{store.ids[1]}/content")
    with pytest.raises(NoSpace, match=r"2\.0 free$"):
        take_backup(store.places, WEEK_S, tmp_path / "y.tar")


def test_one_that_another_program_takes_the_room_of_ends_before_the_next_file(
    store: Store, tmp_path: Path, free: Free, added: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ArchiveWriter.add

    def fill(self: ArchiveWriter, name: str, file: IO[bytes]) -> int:
        size = add(self, name, file)
        free.bytes = store.places.floor
        return size

    free.bytes = store.places.floor + 20 * MIB
    monkeypatch.setattr(ArchiveWriter, "add", fill)
    with pytest.raises(NoSpace):
        take_backup(store.places, WEEK_S, tmp_path / "x.tar")
    assert len(added) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_disk_knows_its_folders(tmp_path: Path) -> None:
    assert Disk(tmp_path / "not" / "yet").is_that_of(tmp_path)
    assert Disk(tmp_path).is_that_of(tmp_path / "not" / "yet")
    assert not Disk(tmp_path).is_that_of(Path("/proc"))
