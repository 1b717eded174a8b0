"""The places that a backup copies: an SQLite file and a folder of blobs."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from service.config import Settings
from service.errors import Unavailable
from service.machine.folders import PRIVATE, make_private
from service.storage.disks import blobs_folder, database_file


@dataclass(frozen=True)
class DataPaths:
    """The database's file and the blobs' folder, of which either may not exist yet.

    Attributes:
        floor: bytes that stay free on their disks, as far as these aren't small.
    """

    database: Path
    blobs: Path
    floor: int = 0

    @classmethod
    def of(cls, settings: Settings) -> DataPaths:
        """Return the places of the settings. Raises Unavailable if one isn't a local file or folder."""
        database, blobs = database_file(settings.database), blobs_folder(settings.blob_url)
        if database is None or blobs is None:
            raise Unavailable(
                "only an SQLite file and a folder of blobs can be backed up and restored by this command: for "
                "PostgreSQL and S3 see Backup in docs/operating.md"
            )
        return cls(database.absolute(), blobs.absolute(), settings.disk_floor)


OURS = ".unfinished"  # file in each work folder, by which it is known


@contextmanager
def work_folder(path: Path) -> Iterator[Path]:
    """Make a folder for unfinished files, and remove it at the end; what a killed process left in it goes first.

    Raises Unavailable if another process works in it, or if others made it or may enter it.
    """
    _make_own(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = {entry for entry in path.iterdir() if entry.name != OURS}
        if found and not (path / OURS).exists():
            raise Unavailable(f"{path} has files that no backup or restore of this version has left: move them away")
        (path / OURS).touch()
        _remove_unfinished(path)
        try:
            yield path
        finally:
            with suppress(OSError):
                _remove_unfinished(path)
                shutil.rmtree(path)
    except BlockingIOError as error:
        raise Unavailable(f"another backup or restore works in {path}") from error
    finally:
        os.close(descriptor)


def _make_own(folder: Path) -> None:
    """Make a folder for this user alone, unless there is one. Raises Unavailable if something else is there."""
    make_private(folder.parent)
    try:
        folder.mkdir(PRIVATE)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise Unavailable(f"{folder} is no folder that this user alone may enter: move it away") from None


def _remove_unfinished(folder: Path) -> None:
    """Remove all that is in a work folder but its mark, by which what a kill leaves now is known the next time."""
    for left in folder.iterdir():
        if left.name != OURS:
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def sync(path: Path) -> None:
    """Bring a file's bytes, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
