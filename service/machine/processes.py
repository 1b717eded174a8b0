"""Processes of this machine: who sees which of them, whether one is alive, and how a child ends with its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # of Linux' prctl
BOOT = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")


def pid_namespace() -> str:
    """Return a name of the processes that this one sees: those of its host, or of its container.

    A process id means something only among them. The host name alone isn't enough: containers may have the same
    one, and so may hosts.
    """
    host = socket.gethostname()
    try:
        return f"{host}-{BOOT.read_text()[:8]}-{PID_NAMESPACE.stat().st_ino}"
    except OSError:  # the system has no /proc
        return host


def is_alive(process: int) -> bool:
    """Return whether a process with this id runs; a zombie, which has ended but was not waited for, does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        pass
    return not _is_zombie(process)


def end_with_parent() -> None:
    """Have the kernel send this process SIGTERM when its parent ends, even by SIGKILL. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def unwinding_when_told_to_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a block as Ctrl-C does, by an exception: so what is unfinished is removed."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler == signal.SIG_DFL:  # under nohup SIGHUP is ignored
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_zombie(process: int) -> bool:
    # The first process of a container often doesn't wait for orphans, so that zombies stay.
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:  # it ended just now, or the system has no /proc
        return False
    return stat.rpartition(")")[2].split()[0] in "ZX"
