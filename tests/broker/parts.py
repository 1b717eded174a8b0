"""The web server and a machine's workers, each started alone; and the processes of a pool."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from front_door import RunningService, eventually


class Part(RunningService):
    """`python -m service web` or `worker` alone, as on a machine of its own."""

    def __init__(self, command: str, model: Path, data: Path, **settings: Any) -> None:
        data.mkdir(parents=True, exist_ok=True)
        super().__init__(model, data, **settings)
        self.command = [sys.executable, "-m", "service", command]

    def __enter__(self) -> Part:
        self.start(wait=False)
        return self


@contextmanager
def web_alone(model: Path, data: Path, **settings: Any) -> Iterator[Part]:
    """The web server alone, as soon as it answers: for what needs no worker, whose start costs more."""
    with Part("web", model, data, **settings) as web:
        eventually(lambda: web.answers("/livez"), 30, "it did not start")
        yield web


def pool_of(service: RunningService) -> tuple[int, list[int]]:
    """The process id of the pool's parent, and those of the processes that carry out jobs."""
    workers = service.children("service worker")
    children = [pid for pid in workers if parent_of(pid) in workers]
    (parent,) = set(workers) - set(children)
    return parent, children


def parent_of(process: int) -> int:
    """The id of a process's parent; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def libraries_of(process: int) -> str:
    """The files that a process has mapped into its memory."""
    return Path(f"/proc/{process}/maps").read_text()


def worker_on(service: RunningService, id: str, children: list[int]) -> int:
    """The process that has begun a job, by the log."""
    (line,) = [line for line in service.log.read_text().splitlines() if f"job {id}: begun" in line]
    process: int = json.loads(line)["process"]
    assert process in children
    return process


def signal_group(service: RunningService, number: int) -> None:
    """Ctrl-C in a terminal reaches every process."""
    assert service.process is not None
    os.killpg(service.process.pid, number)
