"""Files of metrics whose blocks are reserved before they are mapped, so that a full disk ends no process.

prometheus_client maps files without blocks. Who touches a page of them for the first time while the disk is full gets
SIGBUS, which no Python code can catch.
"""

from __future__ import annotations

import logging
import mmap
import os
from contextlib import suppress
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

FIRST = 2**16  # bytes of a new file, as prometheus_client has them
BESIDE = 32  # bytes that a value takes beside its key, at most

logger = logging.getLogger(__name__)
_warned: list[str] = []  # the file that this process, or the one that it was forked from, has warned of


class ReservedFile(MmapedDict):
    """prometheus_client's file of values; what its disk has no room for stays in this process' memory."""

    def __init__(self, filename: str) -> None:
        try:
            with Path(filename).open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, FIRST)
        except OSError as error:
            with suppress(OSError):
                Path(filename).unlink()  # an empty one can't be read
            _warn(filename, error)
            memory = _memory(filename)
            try:
                super().__init__(f"/proc/self/fd/{memory}")  # type: ignore[no-untyped-call]
            finally:
                os.close(memory)
        else:
            super().__init__(filename)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        while self._used + len(key.encode()) + BESIDE > self._capacity:
            self._double()
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _double(self) -> None:
        """Give the file twice its bytes; without room for them go on in memory, and leave the file as it is."""
        try:
            os.posix_fallocate(self._f.fileno(), 0, 2 * self._capacity)
        except OSError as error:
            _warn(self._fname, error)
            memory = os.fdopen(_memory(self._fname), "r+b")
            memory.write(self._m)
            memory.truncate(2 * self._capacity)
            self._f.close()
            self._f = memory
        self._capacity *= 2
        self._m = mmap.mmap(self._f.fileno(), self._capacity)


def reserve_files() -> None:
    """Let prometheus_client use such files for all metrics that are made from now on."""
    values.MmapedDict = ReservedFile  # type: ignore[attr-defined, assignment]


def _memory(filename: str) -> int:
    """Return the descriptor of a file without a disk."""
    return os.memfd_create(Path(filename).name, os.MFD_CLOEXEC)


def _warn(filename: str, error: OSError) -> None:
    """Log once that metrics are missing."""
    if not _warned:
        _warned.append(filename)
        logger.warning(
            "%s has no room: new metrics of process %d are left out: %s", filename, os.getpid(), error.strerror
        )
