"""gunicorn's configuration: what its command line can't say."""

from __future__ import annotations

import ctypes
import resource
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

from service.api.context import KEY
from service.commands.serve import PR_SET_PDEATHSIG
from service.telemetry.metrics_folder import remove_own_folder
from service.web.connection import STALLED_S

logger_class = "service.web.gunicorn_logs.Logs"

# Nobody may say who called, or what for: not a process of this machine either, which gunicorn would believe. Callers'
# addresses behind a proxy are up to NST_TRUSTED_PROXIES.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
header_map = "drop"  # of headers whose name has an underscore, which would pass for those with a hyphen
proxy_protocol = "off"
proxy_allow_ips = ""
http2_cleartext = "off"
sendfile = False  # it would wait for a slow client without an end


def on_starting(server: Any) -> None:
    """Takes as many file descriptors as it may have: a process that runs out of them dies of the next connection."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def when_ready(server: Any) -> None:
    """Has connections cut whose client has vanished or doesn't read: it would hold a thread as long as it likes."""
    for listener in server.LISTENERS:  # whose connections inherit it
        listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * STALLED_S))


def post_worker_init(worker: Any) -> None:
    """Has requests that wait for a job answered, and event streams ended, when the web process is told to stop."""
    gunicorns = cast("Callable[[int, FrameType | None], Any]", signal.getsignal(signal.SIGTERM))

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        _end_waits(worker)
        gunicorns(number, frame)

    signal.signal(signal.SIGTERM, on_sigterm)
    if sys.platform == "linux":  # where gunicorn's main process is killed, no stream may keep this one, and its port
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def worker_int(worker: Any) -> None:
    """The same for SIGINT and SIGQUIT."""
    _end_waits(worker)


def on_exit(server: Any) -> None:
    """Removes the metrics of a web server that was started alone."""
    remove_own_folder()


def _end_waits(worker: Any) -> None:
    worker.wsgi.extensions[KEY].watch.close()
