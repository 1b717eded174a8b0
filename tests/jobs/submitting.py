"""Jobs for the tests of the queue: rows whose request nobody carries out."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from service.jobs.leases import Claim, Leases
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import Painting, TransferRequest
from service.options import TransferOptions
from service.storage.records import JobCheckpoint, JobProgress, PaintedPicture, TransferResult
from service.storage.schema import JobRow
from service.storage.stored_files import StoredImage

REQUEST = TransferRequest(StoredImage("content", "c", 8, 8), Painting((), TransferOptions(iterations=10)))
RESULT = TransferResult((PaintedPicture("jobs/x/result", "r", 64, 48, iterations=10),), 10)


def submit(queue: Queue, owner: str = "", **terms: Any) -> str:
    """A new job's id."""
    return queue.submit(Submission(new_id(), REQUEST, owner, **terms)).id


def claimed(leases: Leases, worker: str = "host:1") -> Claim:
    """The next job, which must be there."""
    claim = leases.claim(worker, {})
    assert claim is not None
    return claim


def ended_job(session: Session, id: str, tenant: str = "default", **columns: Any) -> JobRow:
    """The row of a job that has ended, with nothing in it."""
    row = JobRow(id=id, tenant=tenant, status="succeeded", request={}, created_at=0.0, **columns)
    session.add(row)
    session.flush()
    return row


def checkpoint(iteration: int) -> JobCheckpoint:
    return JobCheckpoint(f"checkpoint-{iteration}", JobProgress(iteration, iteration / 10))


def unclaimed(_: Session) -> None:
    """Keep a job that no worker has, where a painter is entered."""
