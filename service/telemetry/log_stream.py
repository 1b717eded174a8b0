"""The stream of our log, which doesn't wait for its reader: a line that finds no room is lost, and counted."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from contextlib import suppress

PIECE = select.PIPE_BUF  # bytes that a pipe takes at once when it has room
PATIENCE_MS = 1000  # for which the first line without room waits
NOWAIT = 8  # RWF_NOWAIT of Linux: take what there is room for, and don't wait


class LogStream:
    """A file descriptor that lines are written to, by several processes.

    Its other end may be a pipe or socket that nobody reads: writing to a full one would stop the process.

    Attributes:
        lost: lines that found no room since this was 0.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        mode = os.fstat(descriptor).st_mode
        self._can_fill = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._is_cut = False  # whether the last line lacks its end
        self.lost = 0

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def flush(self) -> None:
        """Do nothing: each line was written at once."""

    def has_room(self, wait_ms: float = 0) -> bool:
        """Return whether more would be taken, at the latest after some milliseconds."""
        return any(event == select.POLLOUT for _, event in self._room.poll(wait_ms))  # else nobody can read any more

    def write(self, line: str) -> None:
        """Write a line as far as there is room for it; wait a moment for that, unless lines were lost already."""
        left = memoryview((b"\n" if self._is_cut else b"") + line.encode(errors="backslashreplace"))
        patience = 0 if self.lost else PATIENCE_MS
        until = time.monotonic() + patience / 1000
        while left:
            taken = self._take(left) if self.has_room(patience) else None
            if taken is None or (not taken and time.monotonic() >= until):
                self.lost += 1
                return
            left = left[taken:]
            self._is_cut = bool(left)

    def _take(self, data: memoryview) -> int:
        """Write what is taken without waiting, which is nothing if another process was faster; return its bytes."""
        if not self._can_fill:
            return os.write(self._descriptor, data)  # a line stays whole among those of other processes
        with suppress(BlockingIOError):
            try:
                return os.pwritev(self._descriptor, [data], -1, NOWAIT)
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:  # as before Linux 6.4
                    raise
            return os.write(self._descriptor, data[:PIECE])
        return 0
