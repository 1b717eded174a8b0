"""A worker process and its own watch over itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from front_door import ROOT
from jobs.submitting import submit

from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.storage.database import Database

HANGS = """
import time
from service.commands import worker
from service.job_run import JobRun

JobRun._transfer = lambda run: time.sleep(600)
worker.run(None)
"""


def test_a_worker_that_hangs_ends_and_leaves_its_job_to_others(narrow_model: Path, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/service.db")
    queue = Queue(database, Limits())
    id = submit(queue)
    env = os.environ | {"NST_MODEL": str(narrow_model), "NST_DATA": str(tmp_path), "NST_LEASE_S": "1"}
    hung = subprocess.run(
        [sys.executable, "-c", HANGS], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert hung.returncode == 1
    assert "this worker ends" in hung.stderr
    assert queue.get(id).status == "running"
    again = Leases(database, 60).claim("other:1", {})
    assert again and (again.id, again.fence) == (id, 2)
    database.close()
