"""The retention of batches and their jobs, on each kind of database."""

from __future__ import annotations

import pytest
from batches.rows import submitted
from jobs.submitting import REQUEST, RESULT, claimed
from sqlalchemy import select

from service.errors import JobFailed, NotFound
from service.jobs.batches import Batches
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.quota import UNFINISHED_S, until_less
from service.storage.schema import BatchRow, JobRow
from service.worker.sweep import sweep

BRIEF = Limits(retention_s=-1.0)  # what has ended has expired


def test_no_job_expires_while_its_batch_runs(database: Database, blobs: Blobs) -> None:
    batches, queue, leases = Batches(database, BRIEF), Queue(database, BRIEF), Leases(database, 60)
    batch = submitted(batches, 2)
    alone = queue.submit(Submission(new_id(), REQUEST)).id
    claims = {claim.id: claim for claim in (claimed(leases) for _ in range(3))}
    leases.succeed(claims.pop(alone), RESULT)
    first, last = claims.values()
    leases.succeed(first, RESULT, files=[100])
    sweep(database, blobs, 0, BRIEF.retention_s)
    with pytest.raises(NotFound):
        queue.get(alone)
    assert [job.status for job in batches.items(batches.get(batch.id))] == ["succeeded", "running"]
    with database.reading() as session:
        assert until_less(session, "tenant", "default", BRIEF.retention_s) == UNFINISHED_S
    leases.fail(last, JobFailed("it did not go well"))
    with database.reading() as session:
        ended = session.get_one(BatchRow, batch.id)
        assert ended.sums is not None
        assert (ended.status, ended.sums.usage.bytes_out) == ("succeeded", 100)
    sweep(database, blobs, 0, BRIEF.retention_s)
    with database.reading() as session:
        assert session.scalars(select(JobRow.id)).all() == []
