"""python -m service web: gunicorn, in place of this process."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping

from service.config import Settings
from service.machine.scratch import provide_temporary_folder, scratch_place
from service.storage.writable import check_writable
from service.telemetry.metrics_folder import VARIABLE, make_folder
from service.tenants.access import check_access
from service.webhooks.settings import check_settings

GRACE_S = 20  # seconds for requests under way when the server is told to stop; a batch may need more, and is repeated
CONNECTIONS = 4096  # connections of a process, if its limit of file descriptors allows them

MALLOC = {  # settings of glibc's malloc; other C libraries ignore them
    "MALLOC_MMAP_THRESHOLD_": str(2**20),  # blocks of so many bytes or more go back to the system when they are freed
    "MALLOC_TRIM_THRESHOLD_": str(2**22),  # so many free bytes at the end of an arena go back too
    "MALLOC_ARENA_MAX": "4",  # arenas, shared by up to hundreds of threads
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # huge pages for large bodies: the interpreter waits for each page
}
"""Unless they are set, glibc raises the first two to 32 and 64 MiB once a body of some MB was freed."""


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    check_settings(settings)
    check_writable(settings)
    check_access(settings)
    provide_temporary_folder(settings.data)
    if not os.environ.get(VARIABLE):
        make_folder(settings.data)  # gunicorn's hooks remove it
    command = gunicorn_command(settings)
    os.execve(command[0], command, os.environ | gunicorn_variables())  # noqa: S606 - gunicorn takes the signals itself
    return 0


def gunicorn_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return gunicorn's environment variables; values that the operator has set stay."""
    return {name: environ.get(name, value) for name, value in MALLOC.items()}


def gunicorn_command(settings: Settings) -> list[str]:
    """Return gunicorn's command line: several processes, as one may die; many threads, as requests mostly wait.

    Each open event stream has its own thread, and half of the others are for requests without a body. A thread starts
    when it is first needed.
    """
    threads = 2 * settings.web_threads + settings.streams
    command = [sys.executable, "-m", "gunicorn", "service.web.app:create_app()"]
    command += ["--worker-class", "service.web.worker.Worker"]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    command += ["--bind", f"{host}:{settings.port}", "--graceful-timeout", str(GRACE_S)]
    command += ["--config", "python:service.web.gunicorn_hooks"]
    command += ["--workers", str(settings.web_workers), "--threads", str(threads)]
    command += ["--worker-connections", str(max(CONNECTIONS, 2 * threads))]
    command += ["--no-control-socket", "--keep-alive", str(settings.keepalive_s)]
    place = scratch_place(settings.data)  # of heartbeats
    return command + (["--worker-tmp-dir", str(place)] if place else [])
