"""A worker that stands still loses its job, and when it wakes up it may not write to it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from broker.parts import Part
from faults.jobs_to_do import LONG, begun, checkpointed, times_begun
from front_door import RunningService, eventually

pytestmark = pytest.mark.slow


def test_a_worker_that_wakes_up_late_writes_nothing(service: RunningService, narrow_model: Path) -> None:
    with Part("worker", narrow_model, service.data, lease_s=3):  # beside the service's own
        eventually(lambda: "is ready: " in service.log.read_text(), 60, "no other worker")
        id = begun(service, LONG | {"iterations": 250})
        checkpointed(service, id)
        frozen = frozen_holder(service, id)
        try:
            eventually(lambda: times_begun(service, id) == 2, 30, "not taken over")
        finally:
            os.kill(frozen, signal.SIGCONT)
        eventually(lambda: f"job {id}: taken over" in service.log.read_text(), 30, "the first one doesn't notice")
        job = service.ended(id)
        assert job["status"] == "succeeded"
        results = list((service.data / "blobs" / "jobs" / id).glob("result-*"))
        assert [path.name for path in results] == ["result-2-0.png"]


def frozen_holder(service: RunningService, id: str) -> int:
    """Freeze the process that works on a job; not in the middle of a write, because then nobody else could write."""
    process = holder(service, id)
    while True:
        os.kill(process, signal.SIGSTOP)
        eventually(lambda: is_frozen(process), 30, "a thread runs still")
        with closing(sqlite3.connect(service.data / "service.db", timeout=1)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
                return process
            except sqlite3.OperationalError:
                os.kill(process, signal.SIGCONT)
                time.sleep(0.05)


def is_frozen(process: int) -> bool:
    """Return whether every thread of a process is stopped."""
    states = Path(f"/proc/{process}/task").glob("*/status")
    return all("\nState:\tT" in state.read_text() for state in states)


def holder(service: RunningService, id: str) -> int:
    """The process that works on a job, by what it has logged."""
    line = next(line for line in service.log.read_text().splitlines() if f"job {id}: begun" in line)
    process: int = json.loads(line)["process"]
    return process
