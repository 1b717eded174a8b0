"""Bells: processes of one machine wake each other, so that none has to look for news all the time.

A bell is a datagram socket in a folder that they share. Ringing never waits and never fails: who doesn't hear it
looks by itself a little later. The folder's path is in an environment variable; without it there are no bells, and
processes look more often.
"""

from __future__ import annotations

import itertools
import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.machine.scratch import make_scratch, remove_scratch, scratch_place

VARIABLE = "SERVICE_BELLS"
NAME = "nst-run-bells-"
LONGEST = 100  # bytes of a socket's path, below the kernel's 108

JOBS = "jobs"  # somebody may claim a job
ROWS = "rows"  # a job has changed

_numbers = itertools.count()


class Bell:
    """A bell of this process. Its owner waits for it instead of sleeping.

    Args:
        name: JOBS or ROWS.
        often_s: the longest wait in seconds without bells on this machine.
        seldom_s: the longest wait with them.
    """

    def __init__(self, name: str, often_s: float, seldom_s: float) -> None:
        self._socket = _listening(name)
        self._path = self._socket.getsockname() if self._socket else ""
        self.longest_s = seldom_s if self._socket else often_s
        self._inner, self._outer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        self._heard = [one for one in (self._inner, self._socket) if one is not None]
        self._poll = select.poll()  # select() takes no descriptor from 1024 on
        for one in self._heard:
            self._poll.register(one, select.POLLIN)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until it rings or for `seconds`, by default the longest time."""
        self._poll.poll(1000 * (self.longest_s if seconds is None else seconds))
        for one in self._heard:
            with suppress(BlockingIOError):
                while True:
                    one.recv(1)

    def ring(self) -> None:
        """Ring this bell alone, from any thread or signal handler of its process."""
        with suppress(OSError):  # it has been rung already, or is closed
            self._outer.send(b"!")

    def close(self) -> None:
        """Take the bell down."""
        if self._socket is not None:
            self._socket.close()
            Path(self._path).unlink(missing_ok=True)
        self._inner.close()
        self._outer.close()


def ring(name: str) -> None:
    """Ring all bells of this name on this machine."""
    if not (folder := os.environ.get(VARIABLE)):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for entry in os.scandir(folder):
            if entry.name.startswith(f"{name}-"):
                _send(sender, entry.path)


def _send(sender: socket.socket, path: str) -> None:
    try:
        sender.sendto(b"!", path)
    except ConnectionRefusedError:  # its process was killed
        Path(path).unlink(missing_ok=True)
    except OSError:  # it rings already, or was taken down meanwhile
        pass


def _listening(name: str) -> socket.socket | None:
    """Return a socket that hears a name's rings; None where this machine has no folder for them."""
    if not (folder := os.environ.get(VARIABLE)):
        return None
    one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.setblocking(False)
    try:
        one.bind(f"{folder}/{name}-{os.getpid()}-{next(_numbers)}")
    except OSError:  # the folder is gone
        one.close()
        return None
    return one


@contextmanager
def bells_folder(data: Path) -> Iterator[None]:
    """Provide the folder for this process and its children, unless it is there already; it is removed at the end.

    `data` is NST_DATA.
    """
    folder = None if os.environ.get(VARIABLE) else _made(data)
    if folder is None:
        yield
        return
    os.environ[VARIABLE] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        remove_scratch(Path(folder))


def _made(data: Path) -> Path | None:
    """Make the folder, and remove those of killed processes. Return None where sockets can't be in it."""
    longest_inside = f"/{NAME}0000000-xxxxxxxx/{JOBS}-0000000-0000000"
    place = scratch_place(data, LONGEST - len(longest_inside))
    try:
        return make_scratch(NAME, place) if place else None
    except OSError:
        return None
