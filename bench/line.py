"""python -m bench.line: what the place of a new job and an estimate take where many jobs wait, in CPU time.

5000 jobs of the batches of ten callers wait in SQLite. A caller submits 100 jobs one after another, and asks after
each for its place and for an estimate, as POSTs do: one who has no other jobs, and one who has.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from bench.limits import MEMORY, REQUEST
from service.jobs.batches import Batches, BatchItem
from service.jobs.limits import Limits
from service.jobs.line import Line
from service.jobs.queue import Queue, Submission, new_id
from service.storage.database import Database
from service.storage.lanes import ENGINE

CALLERS, ITEMS, CALLS = 10, 500, 100


def main() -> None:
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as folder,
        closing(Database(f"sqlite:///{Path(folder) / 'service.db'}")) as database,
    ):
        for k in range(CALLERS):
            items = [BatchItem(Submission(new_id(), REQUEST, f"caller {k}")) for _ in range(ITEMS)]
            Batches(database, Limits()).submit(new_id(), items, None, None)
        for owner in ("another", "caller 3"):
            _measure(database, owner)


def _measure(database: Database, owner: str) -> None:
    queue, line = Queue(database, Limits(caller=CALLS + 1)), Line(database)
    places, estimates = list[float](), list[float]()
    for _ in range(CALLS):
        rows = [queue.submit(Submission(new_id(), REQUEST, owner))]
        places.append(_timed(partial(line.places, rows)))
        estimates.append(_timed(lambda: line.estimate(owner, 0, ENGINE, 1.0)))
    for what, took in (("place", places), ("estimate", estimates)):
        print(f"{owner}: {what} {statistics.median(took):.2f} ms, {statistics.mean(took):.2f} in the mean")


def _timed(look: Callable[[], object]) -> float:
    """Return the milliseconds of CPU time of this thread: other programs count little in them."""
    begun = time.thread_time()
    look()
    return 1e3 * (time.thread_time() - begun)


if __name__ == "__main__":
    main()
