"""python -m service serve: the web server and the workers as children, watched and restarted."""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from types import FrameType

from service.commands.web import gunicorn_command, gunicorn_variables, warn_of_floor
from service.config import Settings, unknown_variables
from service.errors import BlobsFull, ModelUnavailable, Unavailable
from service.jobs.registry import Roll
from service.machine.devices import device_variables
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.telemetry.logs import set_up_logs
from service.telemetry.metrics_folder import metrics_folder
from service.webhooks.settings import check_settings

logger = logging.getLogger(__name__)

WATCH_S = 0.2  # seconds between two looks at the children
STEADY_S = 10.0  # a child that lived this long was all right: its next restart is not delayed
MAX_DELAY_S = 30.0  # longest delay before a restart
STOP_S = 30.0  # seconds for a child to end after SIGTERM; gunicorn's own limit is shorter
PR_SET_PDEATHSIG = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The settings come from the environment alone."""


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    set_up_logs(settings.log)
    for name in unknown_variables():
        logger.warning("%s is set, but there is no such setting", name)
    _check(settings)
    warn_of_floor(settings)
    logger.info("starting on http://%s:%d", settings.host, settings.port)
    with metrics_folder():
        Supervisor([Child("web", gunicorn_command(settings), gunicorn_variables()), *_workers(settings)]).run()
    return 0


def _workers(settings: Settings) -> list[Child]:
    """Where there is a broker one that runs a pool of its own, else each of them, with a GPU of its own."""
    command = [sys.executable, "-m", "service", "worker"]
    if settings.broker_url:
        return [Child("workers", command)]
    return [Child(f"worker {i + 1}", command, device_variables(i, settings.device)) for i in range(settings.workers)]


def _check(settings: Settings) -> None:
    """What is most often missing is said once and plainly, before any child is started."""
    if not settings.model.is_file():
        raise ModelUnavailable(f"there is no model at {settings.model}; build it with: python -m export")
    check_settings(settings)
    database = Database(settings.database)
    Roll(database).forget(socket.gethostname())  # whoever was killed did not sign off
    database.close()
    try:
        Blobs(settings.blob_url).check()
    except BlobsFull as error:  # the workers' sweep can make room, and callers can delete
        logger.warning("%s; starting all the same", error.detail)
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error


@dataclass
class Child:
    """A process that is to run all the time, with these variables beside those of our own environment."""

    name: str
    command: list[str]
    variables: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    delay: float = 0.0
    due: float = 0.0

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=os.environ | self.variables,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - one thread only
        )
        logger.info("%s started, process %d", self.name, self.process.pid)

    def watch(self) -> None:
        """Starts it if it is due, and plans its restart if it ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.due:
                self.start()
        elif self.process.poll() is not None:
            steady = now - self.started > STEADY_S
            self.delay = 0.0 if steady else min(MAX_DELAY_S, max(0.5, 2 * self.delay))
            self.due = now + self.delay
            logger.error(
                "%s ended with %d; starting it again in %g s", self.name, self.process.returncode, self.delay
            )
            self.process = None

    def tell(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, until: float) -> None:
        """Waits for its end, and kills it if that hasn't come by then."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.exception("%s did not stop in time: killed", self.name)
            self.process.kill()
            self.process.wait()


class Supervisor:
    """Runs children until SIGTERM or SIGINT, then ends them."""

    def __init__(self, children: list[Child]) -> None:
        self._children = children
        self._stop = threading.Event()

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        while not self._stop.wait(WATCH_S):
            for child in self._children:
                child.watch()
        logger.info("stopping")
        for child in self._children:
            child.tell(signal.SIGTERM)
        until = time.monotonic() + STOP_S
        for child in self._children:
            child.wait(until)
        logger.info("stopped")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()


def _end_with_parent() -> None:
    """In the child: end when `serve` is killed, lest an orphan keeps the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
