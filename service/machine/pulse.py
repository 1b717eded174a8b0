"""A child's pulse: bytes through a pipe, by which its parent sees that its threads run. It needs no database."""

from __future__ import annotations

import os
from contextlib import suppress

VARIABLE = "SERVICE_PULSE"  # names the end of the pipe that a child writes to
BEAT, ANEW = b".", b"n"  # a pulse; the last one of a program that begins anew
PULSES = 4096  # that are read at a time


class Pulse:
    """The parent's end of the pipe, and the child's to be handed over."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe()
        os.set_blocking(self._ours, False)
        os.set_blocking(self.theirs, False)
        self._silent: int | None = None

    def silence(self) -> int:
        """Return how many calls in a row found no pulse; 0 until a program's first one has come.

        Calls are counted and not seconds, so that a machine that slept, or a stopped parent, blames no child.
        """
        try:
            come = os.read(self._ours, PULSES)
        except BlockingIOError:
            come = b""
        if come:
            self._silent = None if come.endswith(ANEW) else 0
        elif self._silent is not None:
            self._silent += 1
        return self._silent or 0

    def close(self) -> None:
        """Close both ends."""
        os.close(self._ours)
        os.close(self.theirs)


def beat() -> None:
    """Send a pulse to the parent, if it waits for one."""
    _send(BEAT)


def begins_anew() -> None:
    """Tell the parent that this process's program begins anew, which takes as long as a start."""
    _send(ANEW)


def _send(pulse: bytes) -> None:
    if end := os.environ.get(VARIABLE):
        with suppress(OSError):  # nobody reads, or not just now
            os.write(int(end), pulse)
