"""Stray lines: what runtimes and libraries write to standard error and output becomes records of our log.

ONNX Runtime, OpenMP, the C++ library and the interpreter itself write there past Python's logging. So both become a
socket, and a small process at its other end turns each line into a record. Our own log keeps the standard error that
was there before, by its number in a variable: no record of ours passes through that process.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import signal
import socket
import struct
import sys
import termios
import time
from contextlib import suppress
from typing import NoReturn, TextIO

from service.telemetry.log_stream import LogStream

VARIABLE = "SERVICE_LOG_FD"  # number, device and inode of the open file that our log is written to
OWNER = "SERVICE_LOG_OWNER"  # id of the process that began to capture lines
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # colours and the like
CREDENTIALS = struct.Struct("3i")  # process, user and group of who has written
LONGEST = 8192  # bytes of a line; longer ones are cut into several
QUIET_S = 1.0  # seconds without a word after which a line counts as whole
PATIENCE_S = 2.0  # seconds for the last lines to be read when a command ends
PAUSE_S = 0.02  # seconds between two looks meanwhile

logger = logging.getLogger("stderr")


def log_stream() -> TextIO | LogStream:
    """Return what our log is written to: the standard error that this command was started with."""
    for number in kept_descriptor():
        return LogStream(os.dup(number))
    return sys.stderr


def kept_descriptor() -> tuple[int, ...]:
    """Return the file descriptor that our log is written to, which a started program must inherit; else none."""
    number, _, file = os.environ.get(VARIABLE, "").partition(":")
    if number.isdigit():
        with suppress(OSError):  # this program got our variables but not our files
            if file == _file_of(int(number)):
                return (int(number),)
    return ()


def _file_of(descriptor: int) -> str:
    about = os.fstat(descriptor)
    return f"{about.st_dev}:{about.st_ino}"


def capture_stray_lines(form: str) -> None:
    """Turn what this process and its children write to standard error or output into records, in the log's form.

    Only the first of nested commands does so. Call it before threads are started.
    """
    if kept_descriptor():
        return
    kept = os.dup(2)
    os.set_inheritable(kept, True)
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    os.environ[VARIABLE] = f"{kept}:{_file_of(kept)}"
    os.environ[OWNER] = str(os.getpid())
    if os.fork() == 0:
        theirs.close()
        _read_to_the_end(ours, form)
    ours.close()
    for stream in (1, 2):
        os.dup2(theirs.fileno(), stream)
    theirs.close()


def wait_for_stray_lines() -> None:
    """Wait until all stray lines so far are read: when a container's first process ends, all others are killed.

    Later ones, which the interpreter may write while it ends, are captured too.
    """
    if os.environ.get(OWNER) != str(os.getpid()):
        return
    end = time.monotonic() + PATIENCE_S
    with suppress(OSError):  # standard error is no socket any more
        while _unread(2) and time.monotonic() < end:
            time.sleep(PAUSE_S)
        time.sleep(PAUSE_S)  # the last ones are being written


def _unread(descriptor: int) -> int:
    """Return how much of what was written to a socket its other end has not read."""
    return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))[0])


def _read_to_the_end(source: socket.socket, form: str) -> NoReturn:
    """Log all lines that come, in a process of its own, which outlives those that write them."""
    from service.telemetry.logs import set_up_logs  # noqa: PLC0415 - which asks this module where to write

    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it ends with the last writer
        set_up_logs(form)
        _Lines().read(source)
    finally:
        os._exit(0)


class _Lines:
    """The lines of all processes, put together from the pieces in which they come."""

    def __init__(self) -> None:
        self._begun: dict[int, bytes] = {}  # process -> the beginning of a line

    def read(self, source: socket.socket) -> None:
        """Log lines until nobody can write any more."""
        source.settimeout(QUIET_S)
        while True:
            try:
                data, about, _, _ = source.recvmsg(2**16, socket.CMSG_SPACE(CREDENTIALS.size))
            except TimeoutError:
                self._end_lines()
                continue
            if not data:
                self._end_lines()
                return
            self._take(next((CREDENTIALS.unpack(one[2][: CREDENTIALS.size])[0] for one in about), 0), data)

    def _end_lines(self) -> None:
        """Log the lines that were begun: who began them may have ended."""
        for process, begun in self._begun.items():
            log_line(begun, process)
        self._begun.clear()

    def _take(self, process: int, data: bytes) -> None:
        *lines, rest = (self._begun.pop(process, b"") + data).split(b"\n")
        if len(rest) > LONGEST:
            lines, rest = [*lines, rest], b""
        for line in lines:
            log_line(line, process)
        if rest:
            self._begun[process] = rest


def log_line(line: bytes, process: int) -> None:
    """Log a stray line of a process; nothing if there is nothing in it."""
    text = ANSI.sub("", line.decode(errors="backslashreplace")).strip()
    for start in range(0, len(text), LONGEST):
        record = logger.makeRecord(logger.name, logging.WARNING, "", 0, text[start : start + LONGEST], (), None)
        record.process = process or record.process
        logger.handle(record)
