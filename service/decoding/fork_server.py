"""python -m service.decoding.fork_server: fork a process for each file, under limits that the kernel enforces.

The service starts it with a clean environment and one socket as its standard input. It loads Pillow and numpy and
nothing else, so that a fork costs a few milliseconds. The memory of a fork is freed when it ends.
"""

from __future__ import annotations

import gc
import math
import os
import resource
import selectors
import signal
import socket
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from service.decoding.messages import Order, Reply, receive, send, shared
from service.decoding.tasks import TASKS
from service.pictures.images import UnreadableImage

NICENESS = 5
OPEN_FILES = 32
LONGEST_PROBLEM = 500  # characters
KILL_ME_FIRST = 700  # of 1000: which process the kernel kills first if memory runs out
BUSY = -int(signal.SIGALRM)  # exit status of a process that got no CPU time
IGNORED = (signal.SIGINT, signal.SIGTERM)  # which reach all processes at once; the closed socket ends this one


class ForkServer:
    """A server that forks a decoder for each order, and reports how it ended if it sent no reply."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._running: dict[int, tuple[int, socket.socket]] = {}  # pidfd -> process, where to report its end

    def run(self) -> None:
        """Serve until the service closes the socket; then end all forks."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    if not self._take():
                        self._end_all()
                        return
                elif isinstance(key.fileobj, int):
                    self._reap(key.fileobj)
                else:
                    self._forsaken(key.data, key.fileobj)

    def _take(self) -> bool:
        """Fork a process for the next order. Return False when no more orders will come."""
        message, files = receive(self._control)
        if message is None:
            return False
        connection, file = socket.socket(fileno=files[0]), files[1]
        try:
            process = os.fork()
        except OSError:  # no memory or no processes left
            with suppress(OSError):
                send(connection, Reply(exit_status=BUSY))
            connection.close()
            os.close(file)
            return True
        if process == 0:
            self._leave()
            _work(Order(**message), connection, file)
        os.close(file)
        handle = os.pidfd_open(process)
        self._running[handle] = (process, connection)
        self._selector.register(handle, selectors.EVENT_READ)
        self._selector.register(connection, selectors.EVENT_READ, handle)
        return True

    def _reap(self, handle: int) -> None:
        """Report how a process ended. A client that has its reply no longer listens."""
        process, connection = self._running.pop(handle)
        _, status, usage = os.wait4(process, 0)
        with suppress(OSError):
            cpu_s = usage.ru_utime + usage.ru_stime
            send(connection, Reply(exit_status=os.waitstatus_to_exitcode(status), cpu_s=cpu_s))
        self._selector.unregister(handle)
        with suppress(KeyError):
            self._selector.unregister(connection)
        os.close(handle)
        connection.close()

    def _forsaken(self, handle: int, connection: Any) -> None:
        """End a process whose result nobody waits for. Its handle's number may be another process's by now."""
        process, current = self._running.get(handle, (0, None))
        if current is not None and current is connection:
            self._selector.unregister(connection)
            os.kill(process, signal.SIGKILL)

    def _leave(self) -> None:
        """Close, in a fork, what belongs to the server and to other orders."""
        self._control.close()
        self._selector.close()
        for handle, (_, connection) in self._running.items():
            os.close(handle)
            connection.close()

    def _end_all(self) -> None:
        for process, _ in self._running.values():
            os.kill(process, signal.SIGKILL)


def _work(order: Order, connection: socket.socket, file: int) -> None:
    """Carry out an order and end this process, which was forked for it."""
    status = 1
    try:
        _silence()
        _limit(order)
        with open(file, "rb") as opened:
            opened.seek(0)
            data = opened.read()
        reply, files = _done(order, data)
        send(connection, reply, files)
        status = 0
    except BrokenPipeError:
        status = 0  # whoever asked has gone
    finally:
        os._exit(status)


def _done(order: Order, data: bytes) -> tuple[Reply, list[int]]:
    try:
        facts, payloads = TASKS[order.task](data, **order.settings)
        shapes = [[len(one)] if isinstance(one, bytes) else list(one.shape) for one in payloads]
        return Reply(facts, shapes, cpu_s=time.process_time()), [shared(payload) for payload in payloads]
    except UnreadableImage as error:
        return Reply(problem=str(error)[:LONGEST_PROBLEM], cpu_s=time.process_time()), []
    except MemoryError:
        return Reply(problem="takes too much memory to decode", cpu_s=time.process_time()), []


def _silence() -> None:
    """Drop what libraries print: libtiff writes a line for each fault of a file, as many as a file has."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())


def _limit(order: Order) -> None:
    """Set the limits that the kernel enforces: CPU time, time on the clock, memory, open files."""
    _lower(resource.RLIMIT_AS, order.memory)
    _lower(resource.RLIMIT_CPU, math.ceil(order.cpu_s) + 1)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    _lower(resource.RLIMIT_CORE, 0)
    signal.setitimer(signal.ITIMER_PROF, order.cpu_s)  # to the hundredth; RLIMIT_CPU counts whole seconds
    signal.setitimer(signal.ITIMER_REAL, order.wall_s)
    if order.patient:
        os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(KILL_ME_FIRST))


def _lower(limit: int, most: int) -> None:
    hard = resource.getrlimit(limit)[1]
    lowered = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(limit, (lowered, lowered))


def main() -> None:
    """Serve the socket that is this process's standard input."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # Pillow warns of files that aren't ours to mend
    Image.init()  # all of Pillow's plugins, once for all forks
    gc.collect()
    gc.freeze()  # so that a fork's garbage collector doesn't copy shared pages
    gc.disable()
    ForkServer(socket.socket(fileno=os.dup(0))).run()


if __name__ == "__main__":
    main()
