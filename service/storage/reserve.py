"""Reserved disk space of an SQLite database: on a full disk not even a deletion can be written without it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from service.errors import StorageError
from service.storage.disks import Disk

SUFFIX = "-reserve"
PLENTY = 4  # times its size that must be free before it is made


class Reserve:
    """A file beside the database that occupies space, and is removed when the database needs that space."""

    def __init__(self, database: Path) -> None:
        self._file = database.absolute().with_name(database.name + SUFFIX)
        self._disk = Disk(self._file.parent)

    def put_by(self) -> None:
        """Make the file, if it isn't there and there is room for it.

        Raises:
            StorageError: the disk's free space can't be read.
        """
        size = self._disk.kept()
        if self._size() >= size or self._disk.free() < PLENTY * size:
            return
        try:
            descriptor = os.open(self._file, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
        except OSError:  # another process filled the disk first; a later call can make it
            self.give_up()

    def give_up_if_scarce(self) -> None:
        """Remove the file if the disk has less room than the database may need for its next transaction."""
        with suppress(StorageError):  # SQLite reports what is wrong with the folder
            if self._disk.free() < self._disk.kept():
                self.give_up()

    def give_up(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def _size(self) -> int:
        try:
            return self._file.stat().st_size
        except OSError:  # mostly it isn't there; otherwise put_by fails to make it
            return 0
