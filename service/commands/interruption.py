"""Ctrl-C and its like: the first lets a command bring what it has to an end, the second ends it at once."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """The command was told to end."""


class Interruption:
    """A block during which the signals are noted; `check` raises Interrupted after one."""

    def __init__(self) -> None:
        self._number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exc: object) -> None:
        self._restore()

    @property
    def exit_status(self) -> int:
        """The status by which shells know that a signal ended a command; 0 without one."""
        return 128 + self._number if self._number else 0

    def check(self) -> None:
        """Raise Interrupted if there was a signal."""
        if self._number:
            raise Interrupted

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._number = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
