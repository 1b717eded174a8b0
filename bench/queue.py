"""The queue: claims per second, a job's first step, throughput of tiny jobs, and how soon a dead worker is replaced.

A claim here is a whole job without work: it is claimed and ended. All else is measured over the HTTP API of a running
service with the real weights. A frozen worker is one that was stopped (SIGSTOP): its job waits until its lease runs
out. A killed worker is replaced by `serve`, and the replacement releases its job at once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from front_door import RunningService, b64
from servers.postgresql import PostgreSQL

from bench import engine
from bench.measure import Stopwatch, alone
from bench.pictures import pair
from bench.plan import Plan
from bench.report import Results, seconds, table
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import Painting, TransferRequest
from service.options import TransferOptions
from service.pictures import images
from service.storage.database import Database
from service.storage.records import PaintedPicture, TransferResult
from service.storage.stored_files import StoredImage

TITLE = "The queue"
EMPTY = TransferRequest(StoredImage(), Painting((), TransferOptions(iterations=1)))
CLAIMERS = 4  # processes
WORKERS = (1, 2, 4)
TINY = {"size": 64, "iterations": 3, "levels": 1}
LEASE_S = 5.0
LONG = {"size": 512, "iterations": 5000, "tolerance": 0}


def measure(plan: Plan) -> Results:
    """Return claims and jobs per second, and seconds."""
    jobs = 100 * plan.repeats
    return {
        "claims_per_s": dict(_claims(jobs)),
        "first_step_s": _first_step(plan),
        "tiny_jobs_per_s": {str(workers): _throughput(plan, workers) for workers in WORKERS},
        "lease_s": LEASE_S,
        "recovery_s": {"frozen": _recovery(plan, signal.SIGSTOP), "killed": _recovery(plan, signal.SIGKILL)},
    }


def _claims(jobs: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Return claims per second, by one process and by several at once."""
    with TemporaryDirectory() as folder:
        yield "SQLite", _claims_per_s(f"sqlite:///{folder}/jobs.db", jobs)
    with _postgresql() as server:
        yield "PostgreSQL", _claims_per_s(server.fresh_database(), jobs)


@contextmanager
def _postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL that waits for the disk at each commit, like one in use."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    server = PostgreSQL(folder, found[-1].parent, durable=True)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _claims_per_s(url: str, jobs: int) -> dict[str, float]:
    found = {}
    for claimers in (1, CLAIMERS):
        database = Database(url)
        queue = Queue(database, Limits(queue=jobs, caller=jobs))
        for _ in range(jobs):
            queue.submit(Submission(new_id(), EMPTY))
        database.close()
        with ThreadPoolExecutor(claimers) as pool:
            spans = list(pool.map(lambda _: alone(_work_off, url), range(claimers)))
        found[str(claimers)] = jobs / (max(end for _, end in spans) - min(begun for begun, _ in spans))
    return found


def _work_off(url: str) -> tuple[float, float]:
    """Return when a claimer began and ended."""
    leases = Leases(Database(url), 60)
    begun = time.time()
    while claim := leases.claim(f"bench:{os.getpid()}", {}):
        leases.succeed(claim, TransferResult((PaintedPicture("x"),), 1))
    return begun, time.time()


def _first_step(plan: Plan) -> float:
    """Return the median seconds from a POST to the first iteration: the service is idle, the Grams are cached."""
    with _service() as service:
        body = _body(service, plan) | {"size": plan.middle}
        service.ended(service.post(body | {"iterations": 3}).json()["id"])
        return median(_until_first_step(service, body) for _ in range(plan.repeats))


def _until_first_step(service: RunningService, body: dict[str, Any]) -> float:
    clock = Stopwatch()
    id = service.post(body).json()["id"]
    _wait(lambda: service.job(id)["progress"]["iteration"] > 0)
    taken = clock.seconds()
    service.cancel(id)
    service.ended(id)
    return taken


def _throughput(plan: Plan, workers: int) -> float:
    """Return tiny jobs per second."""
    count = 20 * plan.repeats
    with _service(workers=workers, threads=1) as service:
        body = _body(service, plan) | TINY
        service.ended(service.post(body).json()["id"])
        _wait(lambda: service.log.read_text().count("is ready") >= workers)
        clock = Stopwatch()
        for id in [service.post(body).json()["id"] for _ in range(count)]:
            service.ended(id)
        return count / clock.seconds()


def _recovery(plan: Plan, number: signal.Signals) -> float:
    """Return the seconds from a worker's kill to the moment another worker has begun its job."""
    with _service(workers=2, lease_s=LEASE_S) as service:
        id = service.post(_body(service, plan) | LONG).json()["id"]
        _wait(lambda: service.job(id)["progress"]["iteration"] > 0)
        line = next(line for line in service.log.read_text().splitlines() if f"job {id}: begun" in line)
        holder = json.loads(line)["process"]
        clock = Stopwatch()
        os.kill(holder, number)
        _wait(lambda: service.log.read_text().count(f"job {id}: begun") > 1)
        taken = clock.seconds()
        if number == signal.SIGSTOP:
            os.kill(holder, signal.SIGCONT)
        return taken


@contextmanager
def _service(**settings: Any) -> Iterator[RunningService]:
    given = {"threads": 0} | settings
    with TemporaryDirectory() as folder, RunningService(engine.MODEL, Path(folder), **given) as service:
        yield service


def _body(service: RunningService, plan: Plan) -> dict[str, Any]:
    pictures = pair(plan.pair)
    service.put_style("kept", images.encode(pictures.style))
    return {"content": b64(images.encode(pictures.content)), "styles": [{"preset": "kept"}]}


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.005)


def render(results: Results) -> str:
    """Write a table with one row for each figure."""
    claims = [
        [f"jobs claimed and ended per second, {name}, {n} processes", f"{rate:.0f}"]
        for name, rates in results["claims_per_s"].items()
        for n, rate in rates.items()
    ]
    tiny = [
        [f"jobs of 64 px and 3 iterations per second, {n} workers", f"{rate:.1f}"]
        for n, rate in results["tiny_jobs_per_s"].items()
    ]
    recovery = [
        [f"another worker takes over from one {how} (lease {results['lease_s']:g} s)", seconds(taken)]
        for how, taken in results["recovery_s"].items()
    ]
    first = ["from POST to the first iteration, idle service", seconds(results["first_step_s"])]
    return table(("what", "measured"), [*claims, first, *tiny, *recovery])
