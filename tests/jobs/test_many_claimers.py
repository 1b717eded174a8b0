"""Many processes at the queue at once, over every kind of database."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from jobs.submitting import submit

from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.storage.database import Database

ROOT = Path(__file__).resolve().parents[2]
CLAIMER = """
import os, sys, threading
from service.jobs.leases import Leases
from service.storage.database import Database
from service.storage.records import JobProgress, TaskResult

leases = Leases(Database(sys.argv[1]), 60)
def work():
    while claim := leases.claim("host:%d" % os.getpid(), {}):
        os.write(1, (claim.id + chr(10)).encode())  # print writes the line's end by itself
        leases.report(claim, progress=JobProgress(1))
        leases.succeed(claim, TaskResult())
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
"""


@pytest.mark.slow
def test_every_job_is_run_exactly_once(database: Database, database_url: str) -> None:
    """Six processes of four threads each."""
    jobs, claimers = 80, 6
    queue = Queue(database, Limits(queue=jobs, caller=jobs))
    ids = [submit(queue) for _ in range(jobs)]
    command = [sys.executable, "-c", CLAIMER, database_url]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(claimers)]
    claimed = Counter(line for process in processes for line in process.communicate()[0].split())
    assert [process.returncode for process in processes] == [0] * claimers
    assert claimed == Counter(ids)
    assert {queue.get(id).status for id in ids} == {"succeeded"}
    assert {(queue.get(id).fence, queue.get(id).attempts) for id in ids} == {(1, 1)}
