"""The standard streams of this process, which its parent may have closed or may no longer read."""

from __future__ import annotations

import os
import sys

OUTPUT, ERRORS = 1, 2  # file descriptors


def open_missing_streams() -> None:
    """Open /dev/null in place of each standard stream that is closed: else a file or socket would get its number."""
    for number in (0, OUTPUT, ERRORS):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free, so this one
    if sys.stdout is None:
        sys.stdout = open(OUTPUT, "w", closefd=False)  # noqa: SIM115 - as long as the process lives
    if sys.stderr is None:
        sys.stderr = open(ERRORS, "w", closefd=False)  # noqa: SIM115


def give_up_output() -> None:
    """Drop what standard output still holds, so that the interpreter's flush at its end doesn't fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), OUTPUT)
