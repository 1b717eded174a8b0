"""Checks that a file or folder that the service has opened still lies at its path."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

STARTED = "SERVICE_STARTED"  # environment variable of the processes that begin later than their service
HOLDING = getattr(os, "O_PATH", None)
"""Linux's flag to open without reading or writing: to close such a descriptor doesn't end SQLite's locks."""


def note_start() -> None:
    """Let this process's children, and programs in its place, know that the service had its files at its start."""
    os.environ[STARTED] = "1"


def has_started() -> bool:
    """Return whether this process begins later than its service, as in the place of one that died."""
    return STARTED in os.environ


def is_lost(file: Path) -> bool:
    """Return whether a file that was there at the service's start isn't now: a new one must not take its place."""
    if not has_started():
        return False
    try:
        return not file.exists()
    except OSError:  # as where a folder above it can't be entered
        return True


class OpenedPath:
    """A path, and the file or folder that lay there when this object was made.

    The inode number of a removed file may be given to the next one. So the file is kept open, on systems that have
    O_PATH.

    Raises:
        OSError: there is nothing at that path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        if HOLDING is not None:
            weakref.finalize(self, os.close, os.open(self.path, HOLDING | os.O_CLOEXEC))
        self._opened = self.path.stat()

    def trouble(self) -> str:
        """Return why it can't be used any more; empty if it still lies there. Costs one stat call."""
        try:
            there = self.path.stat()
        except OSError as error:
            return f"it can't be reached any more ({error.strerror}): was it moved away?"
        if os.path.samestat(there, self._opened):
            return ""
        return (
            "another file or folder lies in its place than the one that was opened: put that one back, or restart "
            "the service to use the new one"
        )
