"""A line of waiting jobs, and jobs that have ended, for tests of what callers are told of it."""

from __future__ import annotations

from jobs.submitting import REQUEST, RESULT, claimed

from service.jobs.leases import Leases
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import TransferRequest
from service.machine.memory import Capacity
from service.storage.database import Database
from service.storage.schema import JobRow

CAPACITY = Capacity(2**30, "float32")


def rows(queue: Queue, *ids: str) -> list[JobRow]:
    return [queue.get(id) for id in ids]


def took(
    database: Database,
    leases: Leases,
    queue: Queue,
    seconds: float,
    style_s: float = 0.0,
    *,
    request: TransferRequest = REQUEST,
    owner: str = "",
    evaluated: float = 0.0,
) -> str:
    """A job that has ended after so many seconds, with those for its styles and its megapixel-evaluations."""
    id = queue.submit(Submission(new_id(), request, owner)).id
    claim = claimed(leases)
    claim.meter.evaluated = round(evaluated * 1e6)
    leases.succeed(claim, RESULT, {"style_s": style_s})
    with database.writing() as session:
        row = session.get_one(JobRow, queue.get(id).number)
        row.started_at = (row.finished_at or 0.0) - seconds
    return id
