"""The stream of our log, which doesn't wait for its reader: a line that finds no room is lost, and counted."""

from __future__ import annotations

import os
import select

PIECE = select.PIPE_BUF  # bytes that a pipe takes at once when it has room
PATIENCE_MS = 1000  # for which the first line without room waits


class LogStream:
    """A file descriptor that lines are written to.

    Its other end may be a pipe that nobody reads: writing to a full one would stop the process.

    Attributes:
        lost: lines that found no room since this was 0.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._is_cut = False  # whether the last line lacks its end
        self.lost = 0

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def flush(self) -> None:
        """Do nothing: each line was written at once."""

    def has_room(self) -> bool:
        """Return whether the next piece would be taken; wait a moment for that, unless lines were lost already."""
        found = self._room.poll(0 if self.lost else PATIENCE_MS)
        return any(event == select.POLLOUT for _, event in found)  # else nobody can read any more

    def write(self, line: str) -> None:
        """Write a line as far as there is room for it."""
        left = memoryview((b"\n" if self._is_cut else b"") + line.encode(errors="backslashreplace"))
        while left:
            if not self.has_room():
                self.lost += 1
                return
            left = left[os.write(self._descriptor, left[:PIECE]) :]
            self._is_cut = bool(left)
