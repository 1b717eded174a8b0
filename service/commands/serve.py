"""python -m service serve: the web server, workers and painter workers as supervised child processes."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from itertools import chain
from types import FrameType

from service.commands.web import gunicorn_command, gunicorn_variables
from service.commands.worker import check_semaphores
from service.config import Settings
from service.doctor.report import OK
from service.doctor.setup import check_memory, check_variables
from service.errors import BlobsFull, Unavailable
from service.jobs import last_words
from service.jobs.registry import WorkerRegistry
from service.machine import descriptors, pulse
from service.machine.bells import bells_folder
from service.machine.devices import device_variables
from service.machine.ports import why_not_free
from service.machine.processes import end_with_parent, pid_namespace
from service.machine.pulse import Pulse
from service.machine.scratch import provide_temporary_folder
from service.network.read_apart import check_model
from service.storage import identity, opened
from service.storage.database import Database
from service.storage.writable import check_writable
from service.telemetry.logs import set_up_logs
from service.telemetry.metrics_folder import metrics_folder
from service.telemetry.stray_lines import kept_descriptor
from service.tenants.access import check_access

logger = logging.getLogger(__name__)

WATCH_S = 0.2  # seconds between two looks at the children
STEADY_S = 10.0  # a child that ran this long before it was killed was healthy: its next restart is not delayed
LONGEST_START_S = 60.0  # a child that ended by itself before that may have failed to start
HUNG_S = 60.0  # without a pulse, after which a worker counts as hung; it ends itself where only its job hangs
MAX_DELAY_S = 30.0  # longest delay before a restart, in seconds
NICENESS = 5  # of workers beside painter workers: they get a quarter of the cores that both want
STOP_S = 30.0  # seconds for a child to end after SIGTERM; gunicorn's own limit is shorter
KILL_S = 2.0  # seconds for a killed child to end: one that waits in the kernel, as for a dead disk, may take longer


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    set_up_logs(settings.log)
    for finding in chain.from_iterable(check(settings) for check in (check_variables, check_memory)):
        if finding.status != OK:
            logger.warning("%s: %s", finding.text, finding.advice)
    _check(settings)
    provide_temporary_folder(settings.data)
    logger.info("starting on http://%s:%d, data in %s", settings.host, settings.port, settings.data.absolute())
    with metrics_folder(settings.data), bells_folder(settings.data):
        web = Child("web", gunicorn_command(settings), gunicorn_variables())
        Supervisor([web, *_workers(settings), *_painters(settings)]).run()
    return 0


def _workers(settings: Settings) -> list[Child]:
    """Return the worker children: with a broker one that runs a pool, else each worker with its own GPU."""
    command = [sys.executable, "-m", "service", "worker"]
    niceness = NICENESS if settings.painters else 0
    if settings.broker_url:
        return [Child("workers", command, niceness=niceness)]
    return [
        Child(
            f"worker {i + 1}",
            command,
            device_variables(i, settings.device),
            niceness,
            last_words.VARIABLE,
            has_pulse=True,
        )
        for i in range(settings.workers)
    ]


def _painters(settings: Settings) -> list[Child]:
    command = [sys.executable, "-m", "service", "painter"]
    return [Child(f"painter {i + 1}", command, has_pulse=True) for i in range(settings.painters)]


def _check(settings: Settings) -> None:
    """Check what is most often missing, before any child is started."""
    if problem := descriptors.why_too_few():
        raise Unavailable(f"{problem}; {descriptors.ADVICE}")
    descriptors.raise_limit()
    check_writable(settings)
    check_access(settings)
    if settings.broker_url:
        check_semaphores()
    check_model(settings.model)
    database = Database(settings.database)
    WorkerRegistry(database).remove_dead(pid_namespace())  # killed workers could not leave the registry
    try:
        identity.open_blobs(database, settings.blob_url).check()
    except BlobsFull as error:  # the workers' sweep can make room, and callers can delete
        logger.warning("%s; starting all the same", error.detail)
    database.close()
    if problem := why_not_free(settings.host, settings.port):
        raise Unavailable(f"cannot listen on {settings.host}:{settings.port}: {problem}")
    opened.note_start()


@dataclass
class Child:
    """A supervised child process, with `variables` added to this process's environment.

    `niceness` is added to this process's own. After a signal has ended the process, which then could say nothing
    itself, the next one gets a sentence about it in the variable `words`. With `has_pulse` a process that hangs is
    killed. `delay` is the pause before a restart in seconds; `started` and `due` are monotonic times.
    """

    name: str
    command: list[str]
    variables: dict[str, str] = field(default_factory=dict)
    niceness: int = 0
    words: str = ""
    has_pulse: bool = False
    pulse: Pulse | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    delay: float = 0.0
    due: float = 0.0
    killed: str = ""

    def start(self) -> None:
        self.started = time.monotonic()
        variables = self.variables | ({self.words: self.killed} if self.words and self.killed else {})
        handed_over = list(kept_descriptor())
        self._close_pulse()
        if self.has_pulse:
            self.pulse = Pulse()
            variables[pulse.VARIABLE] = str(self.pulse.theirs)
            handed_over.append(self.pulse.theirs)
        self.process = subprocess.Popen(
            self.command,
            env=os.environ | variables,
            pass_fds=handed_over,
            preexec_fn=self._begin,  # noqa: PLW1509 - one thread only
        )
        logger.info("%s started, process %d", self.name, self.process.pid)

    def _begin(self) -> None:
        """Set up the new process before its program begins."""
        end_with_parent()
        os.nice(self.niceness)

    def watch(self) -> None:
        """Start the process if it is due, plan its restart if it ended, and kill it if it hangs."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.due:
                self._try_to_start()
        elif self.process.poll() is not None:
            healthy_after = STEADY_S if self.process.returncode < 0 else LONGEST_START_S
            end = self._end(self.process.returncode)
            self.killed = end if self.process.returncode < 0 else ""
            self.process = None
            self._plan_start(end, steady=now - self.started > healthy_after)
        elif self.pulse is not None and self.pulse.silence() * WATCH_S > HUNG_S:
            logger.error("%s gave no sign of life for %g s: killed", self.name, HUNG_S)
            self.process.kill()
            self._close_pulse()

    def _try_to_start(self) -> None:
        """Start the process; where the system refuses it, as at a limit on processes, plan the next try."""
        try:
            self.start()
        except (OSError, subprocess.SubprocessError) as error:
            self._plan_start(f"{self.name} can't be started: {error}", steady=False)

    def _plan_start(self, why: str, *, steady: bool) -> None:
        self.delay = 0.0 if steady else min(MAX_DELAY_S, max(0.5, 2 * self.delay))
        self.due = time.monotonic() + self.delay
        logger.error("%s; starting it again in %g s", why, self.delay)

    def _close_pulse(self) -> None:
        if self.pulse is not None:
            self.pulse.close()
            self.pulse = None

    def _end(self, status: int) -> str:
        if status >= 0:
            return f"{self.name} ended with {status}"
        why = ", perhaps as there is too little memory" if status == -signal.SIGKILL else ""
        return f"{self.name} was killed by {_signal_name(-status)}{why}"

    def tell(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, until: float) -> None:
        """Wait for the process to end, and kill it at the time `until`; one that can't end then is left behind."""
        if self.process is None or _ends_by(self.process, until):
            return
        logger.error("%s did not stop in time: killed", self.name)
        self.process.kill()
        if not _ends_by(self.process, time.monotonic() + KILL_S):
            logger.error("%s, process %d, was killed and does not end: left behind", self.name, self.process.pid)


def _ends_by(process: subprocess.Popen[bytes], until: float) -> bool:
    """Wait for a process to end, at most until this time; return whether it has ended."""
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


class Supervisor:
    """Run the children until SIGTERM or SIGINT, then stop them."""

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
