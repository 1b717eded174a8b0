"""The room for a backup on the disk of its file."""

from __future__ import annotations

from pathlib import Path

from service.backup.data_paths import DataPaths
from service.errors import NoSpace
from service.machine.memory import MIB
from service.storage.disks import Disk


class Room:
    """What a disk has free, but for what stays for the service if that writes to the same disk.

    Args:
        folder: the folder of the backup's file, on that disk.

    Attributes:
        reserved: bytes of the blobs' disk that are promised to the results of jobs that wait or run.
    """

    def __init__(self, places: DataPaths, folder: Path) -> None:
        self.reserved = 0
        self._disk = Disk(folder)
        self._floor = places.floor
        self._has_blobs = self._disk.is_that_of(places.blobs)
        self._is_shared = self._has_blobs or self._disk.is_that_of(places.database.parent)

    def check(self, size: int) -> None:
        """Raise NoSpace if there is no room for `size` bytes more."""
        free, kept = self._disk.free(), self._kept()
        if free - kept < size:
            stays = f", of which {kept / MIB:.1f} stay for the service and results to come (NST_DISK_FLOOR_MB)"
            raise NoSpace(
                f"there is no room for the backup: it takes {size / MIB:.1f} MiB more, and {self._disk.folder} has "
                f"{free / MIB:.1f} free{stays if kept else ''}"
            )

    def _kept(self) -> int:
        """Return the bytes that stay for the service."""
        if not self._is_shared:
            return 0
        promised = self.reserved if self._has_blobs else 0
        return max(self._disk.floor(self._floor), self._disk.kept()) + promised
