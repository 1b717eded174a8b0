"""Free space on local disks: the part kept for the database, and the floor below which nothing is stored."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlparse

from sqlalchemy import make_url

from service.errors import NoSpace, StorageError, Unavailable
from service.machine.memory import MIB

T = TypeVar("T")

KEPT = 4 * MIB  # bytes kept for the database: the size of a full write-ahead log
KEPT_SHARE = 16  # on a small disk, one 16th of it instead
FLOOR_SHARE = 20  # the floor is at most one 20th of its disk
RETRY_S = 60.0  # seconds after which a caller may ask whether there is room again


@dataclass(frozen=True)
class Disk:
    """The file system of a folder, which may not exist yet. All sizes are in bytes.

    Raises:
        StorageError: its sizes can't be read.
    """

    folder: Path

    def free(self) -> int:
        """Return the bytes that this process may still write."""
        about = self._about()
        return about.f_bavail * about.f_frsize

    def kept(self) -> int:
        """Return the bytes that blobs leave free for the database."""
        return min(KEPT, self.size() // KEPT_SHARE)

    def floor(self, wanted: int) -> int:
        """Return the free bytes below which nothing is stored: `wanted`, or less on a small disk."""
        return min(wanted, self.size() // FLOOR_SHARE)

    def size(self) -> int:
        """Return the bytes of the whole file system."""
        about = self._about()
        return about.f_blocks * about.f_frsize

    def is_that_of(self, folder: Path) -> bool:
        """Return whether another folder, which may not exist yet either, is in this file system."""
        return self._asked(os.stat).st_dev == Disk(folder)._asked(os.stat).st_dev

    def _about(self) -> os.statvfs_result:
        return self._asked(os.statvfs)

    def _asked(self, call: Callable[[Path], T]) -> T:
        """Return what the system says of the folder, or of the one in which it would be. Raises StorageError."""
        try:
            try:
                return call(self.folder)
            except FileNotFoundError:
                return call(next(path for path in self.folder.parents if path.exists()))
        except OSError as error:
            said = "the disk doesn't say what room it has"
            raise StorageError(f"{said}: {self.folder}: {error.strerror}", said=said) from error


def blobs_folder(url: str) -> Path | None:
    """Return the folder of a file:// URL; None for other blob stores."""
    parsed = urlparse(url)
    return Path(unquote(parsed.path)) if parsed.scheme == "file" else None


def check_database_file(file: Path) -> None:
    """Refuse to go on without a database's file: most likely NST_DATA names another folder.

    Raises:
        Unavailable: there is none.
        StorageError: the system doesn't let this process look.
    """
    try:
        is_there = file.exists()
    except OSError as error:
        raise StorageError(f"the database {file} can't be reached: {error.strerror}") from error
    if not is_there:
        raise Unavailable(f"there is no database at {file}: does NST_DATA name the right folder?")


def check_database(url: str) -> None:
    """Refuse to go on where an SQLite database isn't there. Raises as `check_database_file`."""
    if (file := database_file(url)) is not None:
        check_database_file(file)


def database_file(url: str) -> Path | None:
    """Return the file of an SQLite URL; None for other databases, SQLite in memory, and SQLite's own file:… names."""
    parsed = make_url(url)
    name = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return Path(name) if name and name != ":memory:" and not name.startswith("file:") else None


class Disks:
    """The local disks that a database and a blob store are on.

    Args:
        floor: bytes that must be free for anything to be stored.

    Raises:
        StorageError: the sizes of one can't be read.
    """

    def __init__(self, database_url: str, blob_url: str, floor: int) -> None:
        file, folder = database_file(database_url), blobs_folder(blob_url)
        self._database = [Disk(file.absolute().parent)] if file else []
        self._blobs = [Disk(folder)] if folder else []
        self._floor = floor

    def shortage(self) -> int:
        """Return the bytes missing to the floor on the fullest disk; 0 if there is room."""
        return self._shortage(self._database + self._blobs)

    def blobs_shortage(self) -> int:
        """Return the bytes missing to the floor on the blobs' disk; 0 if there is room."""
        return self._shortage(self._blobs)

    def _shortage(self, disks: Sequence[Disk]) -> int:
        return max([0, *(disk.floor(self._floor) - disk.free() for disk in disks)])

    def free(self) -> int | None:
        """Return the free bytes of the fullest disk; None if nothing lies on a local disk."""
        return min((disk.free() for disk in self._database + self._blobs), default=None)

    def lowered(self) -> list[str]:
        """Return a note for each disk that is too small for the floor that is set.

        Raises StorageError.
        """
        floors = {disk.folder: disk.floor(self._floor) for disk in self._database + self._blobs}
        return [
            f"NST_DISK_FLOOR_MB is {self._floor / MIB:g}, but a twentieth of the disk of {folder} is less: "
            f"{floor / MIB:.1f} MiB are in force there"
            for folder, floor in floors.items()
            if floor < self._floor
        ]

    def check(self, reserved: int = 0) -> None:
        """Raise NoSpace if nothing more may be stored; `reserved` bytes of the blobs' disk are promised to others."""
        for disk in self._database + self._blobs:
            free, floor, promised = disk.free(), disk.floor(self._floor), reserved if disk in self._blobs else 0
            if free - promised < floor:
                others = f", results to come may take {promised / MIB:.1f}" if promised else ""
                raise NoSpace(
                    f"the disk is nearly full: {free / MIB:.1f} MiB are free{others}, and from {floor / MIB:.1f} MiB "
                    "down nothing is stored (NST_DISK_FLOOR_MB)",
                    retry_after=RETRY_S,
                )
