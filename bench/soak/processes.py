"""What the service's processes and files take, and how processes are killed."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event

from front_door import RunningService

from service.machine import bells
from service.telemetry import metrics_folder

PAGE = os.sysconf("SC_PAGE_SIZE")
ROLES = {"web": "gunicorn", "worker": "service worker", "decoder": "fork_server", "serve": "service serve"}
"""The roles of processes, and what their command lines hold."""
SCRATCH = (metrics_folder.VARIABLE, bells.VARIABLE)  # the variables that name folders beside the data
STARTED = 19  # field of /proc/…/stat after the program's name: when the process was started
SAMPLE_S = 5.0
KILL_S = {"worker": 45.0, "web": 70.0}  # seconds from one kill to the next, in the mean

Sample = dict[str, float]
"""Seconds since the start, the machine's load, bytes on the disk, and what the processes of each role take together:
"web memory" in bytes, "web threads", "web files", and so on."""


def sample_until(service: RunningService, samples: list[Sample], stop: Event) -> None:
    """Add a sample every SAMPLE_S seconds."""
    begun = time.monotonic()
    while not stop.wait(SAMPLE_S):
        samples.append(_sampled(service, begun))


def _sampled(service: RunningService, begun: float) -> Sample:
    sums: defaultdict[str, int] = defaultdict(int)
    for role in ROLES:
        for process in _processes(service, role):
            for kind, value in _taken(process).items():
                sums[f"{role} {kind}"] += value
    disk = sum(_sizes([service.data, *_scratch(service)])) - _blocks(service.log)
    return {"seconds": round(time.monotonic() - begun), "load": round(os.getloadavg()[0], 2), "disk": disk, **sums}


def _processes(service: RunningService, role: str) -> list[int]:
    """Return the processes of a role, oldest first; the first of the role web is gunicorn's main process."""
    return sorted(service.children(ROLES[role]), key=_started)


def _started(process: int) -> float:
    """Return when a process was started, in the kernel's ticks; infinity of one that is gone."""
    try:
        return float(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[STARTED])
    except OSError:
        return float("inf")


def _taken(process: int) -> dict[str, int]:
    """Return a process's resident bytes, threads and open files; nothing of one that is gone."""
    folder = Path(f"/proc/{process}")
    try:
        pages = int((folder / "statm").read_text().split()[1])
        threads, files = (sum(1 for _ in (folder / name).iterdir()) for name in ("task", "fd"))
    except OSError:
        return {}
    return {"memory": pages * PAGE, "threads": threads, "files": files}


def _scratch(service: RunningService) -> list[Path]:
    """Return the folders of metrics and bells."""
    try:
        main = Path(f"/proc/{_processes(service, 'web')[0]}/environ").read_text()
    except (OSError, IndexError):
        return []
    variables = dict(entry.partition("=")[::2] for entry in main.split("\0"))
    return [Path(variables[name]) for name in SCRATCH]


def _sizes(folders: list[Path]) -> Iterator[int]:
    for folder in folders:
        for path, _, names in os.walk(folder):
            yield from (_blocks(Path(path) / name) for name in names)


def _blocks(file: Path) -> int:
    """Return the bytes that a file takes on the disk; 0 of one that is gone."""
    try:
        return file.stat().st_blocks * 512
    except OSError:
        return 0


def kill_until(service: RunningService, role: str, killed: list[float], stop: Event) -> None:
    """Kill the youngest process of a role again and again, and note the times.

    The other one lives as long as the service, so what it takes shows whether it grows.
    """
    chance = Random(role)  # noqa: S311 - repeatable, not secret
    while not stop.wait(KILL_S[role] * chance.uniform(0.5, 1.5)):
        _, *others = _processes(service, role) or [0]
        if others:
            with suppress(ProcessLookupError):
                os.kill(others[-1], signal.SIGKILL)
            killed.append(time.monotonic())
