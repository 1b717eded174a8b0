"""The service's side of its fork server: start it, send it orders and wait for their results."""

from __future__ import annotations

import atexit
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.decoding.messages import Order, Reply, mapped, receive, send, shared
from service.errors import Unavailable
from service.pictures.images import UnreadableImage

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = [sys.executable, "-m", "service.decoding.fork_server"]
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")  # variables that it gets: no settings, no secrets
KEPT_PREFIXES = ("PYTHON", "OPENBLAS_", "COVERAGE_")
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # each decoder has to fault in all of its pages
TICK_S = 0.25  # seconds between two calls of `tick`
PATIENCE_S = 5.0  # seconds beyond an order's own limit
TIME_IS_UP = (-signal.SIGPROF, -signal.SIGXCPU)
NOT_ITS_FAULT = (-signal.SIGALRM, -signal.SIGKILL)  # it got no CPU time; the kernel was short of memory
STOP_S = 2.0  # seconds for the fork server or a decoder to end

Files = list[npt.NDArray[np.uint8]]


class TooSlow(UnreadableImage):
    """A file that takes more CPU time than it may."""


class Decoders:
    """Decoder processes, each for one file. All threads of a process share one fork server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def run(
        self,
        order: Order,
        data: bytes,
        tick: Callable[[], None],
        spend: Callable[[float], None] = lambda seconds: None,
    ) -> tuple[Reply, Files]:
        """Have a file decoded; return the decoder's reply, and the arrays that came with it.

        `tick` is called repeatedly meanwhile; an exception that it raises ends the decoder. `spend` is told the CPU
        seconds that the decoder has taken, however it ended. If the file can't be read, the reply's `problem` says
        why.

        Raises:
            TooSlow: it takes longer than the order's CPU time.
            UnreadableImage: the decoder crashed over it.
            Unavailable: the machine is too busy, or the fork server can't be started.
        """
        for _ in range(2):
            control, connection = self._ordered(order, data)
            with closing(connection):
                try:
                    message, files = self._answer(connection, order, tick)
                except BaseException:
                    spend(_given_up(connection))
                    raise
            if message is not None:
                reply = Reply(**message)
                spend(_spent(reply, order))
                return _result(reply, files)
            self._forget(control)  # the fork server died, or somebody ended it
        raise Unavailable("the process that reads pictures ends again and again: see the log", retry_after=PATIENCE_S)

    def start(self) -> None:
        """Start the fork server, so that the first picture doesn't wait for it."""
        with self._lock:
            self._started()

    def close(self) -> None:
        """End the fork server and all decoders."""
        with self._lock:
            self._stop()

    def _kill(self) -> None:
        """End a fork server that hangs; the next order starts another one."""
        with self._lock:
            if self._process is not None:
                logger.error("the process that reads pictures hangs: starting another one")
                self._process.kill()
                self._stop()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if self._control is not None:
            self._control.close()
            self._control = None
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)

    def _ordered(self, order: Order, data: bytes) -> tuple[socket.socket, socket.socket]:
        """Send an order; return the socket of the fork server that got it, and the one on which the answer comes.

        Raises:
            Unavailable: there is no memory, no process or no descriptor left.
        """
        try:
            with self._lock:
                control = self._started()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with closing(theirs):
                _send(control, order, data, theirs)
        except OSError as error:
            logger.warning("a picture could not be read: %s", error)
            raise _busy() from error
        return control, ours

    def _started(self) -> socket.socket:
        """Return the socket of the fork server; start one if none runs."""
        if self._control is None or self._process is None or self._process.poll() is not None:
            self._stop()
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.settimeout(PATIENCE_S)
            with theirs:
                self._process = subprocess.Popen(COMMAND, stdin=theirs.fileno(), cwd=ROOT, env=_environment())
        return self._control

    def _forget(self, control: socket.socket) -> None:
        """Let the next order start a new fork server in place of this socket's, unless another thread has done so."""
        with self._lock:
            if self._control is not control:
                return
            logger.error("the process that reads pictures gave no answer: starting another one")
            self._stop()

    def _answer(
        self, connection: socket.socket, order: Order, tick: Callable[[], None]
    ) -> tuple[dict[str, Any] | None, list[int]]:
        """Return the first message of an order's connection and its descriptors; None if the fork server is gone."""
        end = time.monotonic() + order.wall_s + PATIENCE_S
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        tick()  # the loop's own call never comes for files that are quick
        while not poll.poll(TICK_S * 1000):
            tick()
            if time.monotonic() > end:  # a decoder ends itself before that
                self._kill()
                return {"exit_status": -int(signal.SIGALRM)}, []
        return receive(connection)


def _send(control: socket.socket, order: Order, data: bytes, connection: socket.socket) -> None:
    file = shared(data)
    try:
        with suppress(BrokenPipeError, ConnectionError):  # _answer then finds no message
            send(control, order, [connection.fileno(), file])
    finally:
        os.close(file)


def _given_up(connection: socket.socket) -> float:
    """End an order's decoder; return the CPU seconds that it took, 0 if that isn't known within STOP_S."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(STOP_S)
        message, files = receive(connection)
        for file in files:
            os.close(file)
        return Reply(**message).cpu_s if message else 0.0
    return 0.0


def _spent(reply: Reply, order: Order) -> float:
    """Return the CPU seconds that an ended decoder has taken.

    A decoder whose time is up has taken at least its order's: the kernel's timer counts whole ticks, so it may end a
    decoder some milliseconds early by the exact count, and a request's allowance would never be used up.
    """
    return max(reply.cpu_s, order.cpu_s) if reply.exit_status in TIME_IS_UP else reply.cpu_s


def _result(reply: Reply, files: Sequence[int]) -> tuple[Reply, Files]:
    if reply.exit_status is not None:
        raise _failure(reply.exit_status)
    return reply, [mapped(file, shape) for file, shape in zip(files, reply.shapes, strict=True)]


def _failure(exit_status: int) -> Exception:
    """Return the error for a decoder that ended without a reply."""
    if exit_status in TIME_IS_UP:
        return TooSlow("takes too long to decode")
    if exit_status in NOT_ITS_FAULT:
        return _busy()
    logger.warning("a decoder process ended with %d", exit_status)
    return UnreadableImage("broken image: what reads it fails")


def _busy() -> Unavailable:
    return Unavailable(
        "a picture could not be read: the machine is too busy, or short of memory", retry_after=PATIENCE_S
    )


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return kept | HUGE_PAGES | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}


DECODERS = Decoders()
"""The decoders of this process."""

atexit.register(DECODERS.close)
os.register_at_fork(after_in_child=DECODERS.__init__)  # type: ignore[misc]  # a fork starts a server of its own
