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
CLAIMERS = """
import multiprocessing, os, sys, threading
import psycopg
from service.jobs.leases import Leases
from service.storage.database import Database
from service.storage.records import JobProgress, TaskResult

def claim_all(barrier, url):
    leases = Leases(Database(url), 60)
    barrier.wait()
    def work():
        while claim := leases.claim("host:%d" % os.getpid(), {}):
            os.write(1, (claim.id + chr(10)).encode())  # print writes the line's end by itself
            leases.report(claim, progress=JobProgress(1))
            leases.succeed(claim, TaskResult())
    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]; [t.join() for t in threads]

start = multiprocessing.get_context("fork")
barrier = start.Barrier(6)
claimers = [start.Process(target=claim_all, args=(barrier, sys.argv[1])) for _ in range(6)]
[c.start() for c in claimers]; [c.join() for c in claimers]
sys.exit(any(c.exitcode for c in claimers))
"""
"""Six processes of four threads each, forked from one because to import all this takes most of their time."""


@pytest.mark.slow
def test_every_job_is_run_exactly_once(database: Database, database_url: str) -> None:
    jobs = 80
    queue = Queue(database, Limits(queue=jobs, caller=jobs))
    ids = [submit(queue) for _ in range(jobs)]
    command = [sys.executable, "-c", CLAIMERS, database_url]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    claimed = Counter(done.stdout.split())
    assert claimed == Counter(ids)
    assert {queue.get(id).status for id in ids} == {"succeeded"}
    assert {(queue.get(id).fence, queue.get(id).attempts) for id in ids} == {(1, 1)}
