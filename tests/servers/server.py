"""A server as a child process on loopback, which ends when pytest does."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from scripts.ports import free_port

START_S = 60
STOP_S = 30
PR_SET_PDEATHSIG = 1


class ProcessUser(TypedDict, total=False):
    """The user and group that a process runs as, as subprocess takes them."""

    user: str
    group: int
    extra_groups: list[int]


class Server(ABC):
    """A server as a child of this process. A test may leave it stopped: the next one starts it again.

    It ends with the thread that started it, so start it in the main thread.
    """

    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, user: str | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command line."""

    def answers(self) -> bool:
        """Return whether the server can be used; a refused connection means that it can't yet."""
        socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        return True

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent(self.stop_signal),  # noqa: PLW1509 - it only calls prctl
                **as_user(self._user),
            )
        end = time.monotonic() + START_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.command()[0]} didn't start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.02)

    def _ready(self) -> bool:
        try:
            return self.answers()
        except OSError:
            return False

    def stop(self) -> None:
        """End the server, even if it is busy; connections to it break."""
        if self._process is None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Halt the server meanwhile: it takes connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        self.stop()
        self.start()


def as_user(user: str | None) -> ProcessUser:
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def unprivileged_user() -> str | None:
    """Return the user for PostgreSQL, which refuses to run as root; None for the current user."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _end_with_parent(number: signal.Signals) -> Callable[[], None]:
    library = ctypes.CDLL(None)

    def in_child() -> None:
        library.prctl(PR_SET_PDEATHSIG, number)

    return in_child
