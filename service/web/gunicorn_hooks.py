"""gunicorn's configuration: hooks, and settings that aren't on its command line."""

from __future__ import annotations

import logging
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, cast

from flask import Flask

from service.api.admission import tenant_of
from service.api.context import KEY, AppContext
from service.errors import StorageError
from service.machine.loading import loading
from service.machine.processes import end_with_parent
from service.telemetry.ended_processes import add_up_ended
from service.telemetry.metrics_folder import remove_own_folder
from service.telemetry.stray_lines import wait_for_stray_lines
from service.web.connection import STALLED_S
from service.web.server_counts import share_counts

logger = logging.getLogger(__name__)

SILENT_S = 30  # seconds of silence, after which the system asks whether a client is still there
PROBE_S = 10  # seconds between two such questions

logger_class = "service.web.gunicorn_logs.Logs"

# No header changes the caller's address: by default gunicorn would trust those of processes on this machine.
# NST_TRUSTED_PROXIES decides about callers behind a proxy.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
header_map = "drop"  # headers with an underscore in their name, which would be read as those with a hyphen
proxy_protocol = "off"
proxy_allow_ips = ""
http2_cleartext = "off"
sendfile = False  # it would wait for a slow client without a limit


def on_starting(server: Any) -> None:
    """Import the application once for all web processes, and set up what they share.

    They count together, and may have as many open files as the system allows: without a free file descriptor, a new
    connection would end a process.
    """
    with loading():
        import service.web.app  # noqa: F401, PLC0415 - kept for the processes that are forked from this one
    share_counts()

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def when_ready(server: Any) -> None:
    """Let the system cut connections whose client has vanished or doesn't read, and which would hold a thread.

    It notices the first of these even while nothing is sent: it asks silent clients whether they are there.
    """
    for listener in server.LISTENERS:  # connections inherit its options
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENT_S)
        listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_S)
        listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * STALLED_S))


def post_worker_init(worker: Any) -> None:
    """Tie the web process to its application: it ends waiting requests when it is told to stop, notes
    fullness, asks which bodies are wanted, and knows whose requests are.

    The first web process also logs the warnings that are the same for all.
    """
    gunicorns = cast("Callable[[int, FrameType | None], Any]", signal.getsignal(signal.SIGTERM))

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        _end_waits(worker)
        gunicorns(number, frame)

    signal.signal(signal.SIGTERM, on_sigterm)
    add_up_ended()  # of those whose place this process and its brothers have taken
    end_with_parent()  # if gunicorn's main process is killed, no stream may keep this one and the port
    if isinstance(worker.wsgi, Flask):  # benchmarks serve other applications
        worker.fullness = _context(worker).fullness
        worker.asks = True
        worker.tenant_of = partial(tenant_of, _context(worker).known_keys)
        if worker.age == 1:  # once for all processes
            warn_of_floors(_context(worker))


def worker_int(worker: Any) -> None:
    """End waiting requests and event streams on SIGINT and SIGQUIT."""
    _end_waits(worker)


def on_exit(server: Any) -> None:
    """Remove the metrics of a web server that was started alone, and bring its log to an end."""
    remove_own_folder()
    wait_for_stray_lines()


def warn_of_floors(context: AppContext) -> None:
    """Log a warning for each disk where a lower floor than NST_DISK_FLOOR_MB applies."""
    with suppress(StorageError):  # /readyz reports a disk that can't be read
        for note in context.disks.lowered():
            logger.warning(note)


def _end_waits(worker: Any) -> None:
    _context(worker).watch.close()


def _context(worker: Any) -> AppContext:
    return cast(AppContext, worker.wsgi.extensions[KEY])
