"""Jobs that the test itself carries out, and a queue that notes what it is asked."""

from __future__ import annotations

from collections.abc import Collection

from jobs.submitting import RESULT, claimed

from service.errors import DatabaseError
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.storage.database import Database
from service.storage.records import JobProgress, Preview

PREVIEW = Preview("jobs/x/preview", 3, 64, 48)


class CountingQueue(Queue):
    """A queue that notes its calls, and fails when told to."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, Limits())
        self.asked: list[set[str]] = []
        self.fails = False

    def event_counts(self, ids: Collection[str]) -> dict[str, int]:
        self.asked.append(set(ids))
        if self.fails:
            raise DatabaseError("the database failed: for the test")
        return super().event_counts(ids)


def work_until_the_end(leases: Leases, steps: int) -> None:
    """Carry out the next job, with a preview at every second step."""
    claim = claimed(leases)
    for i in range(steps):
        leases.report(claim, progress=JobProgress(i, i / steps), preview=PREVIEW if i % 2 else None)
    leases.succeed(claim, RESULT)
