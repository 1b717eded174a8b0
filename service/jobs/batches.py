"""Batches: jobs that one request submits together, and that are shown, canceled and removed together.

The jobs of a batch are transfers like any others, and wait, run and end as those do. `service.jobs.batch_course`
begins a batch with its first job, and ends it with its last one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from service.errors import NotFound, ProblemJson
from service.jobs import ledger
from service.jobs.batch_course import sums_of
from service.jobs.expiry import batch_is_kept, is_kept
from service.jobs.finish import give_back_reserved
from service.jobs.idempotency import RepeatKey, remember, repeated_batch
from service.jobs.job_log import REFUSED, log_after_commit
from service.jobs.limits import check_items
from service.jobs.queue import (
    Submission,
    add_caller,
    cancel,
    check_files,
    count_after_commit,
    folders_of,
    row_of,
)
from service.jobs.removal import remove, with_judging
from service.jobs.request import TransferRequest, job_folder
from service.jobs.style_cost import JointStyles
from service.jobs.tenant_jobs import WITHOUT_REQUEST, TenantJobs
from service.machine.bells import ROWS, ring
from service.storage.counted import files_bytes, row_bytes
from service.storage.database import advisory_lock, read_clock
from service.storage.kinds import TRANSFER
from service.storage.left import Left, forget_left, leave
from service.storage.records import ENDED, BatchSums, JobProgress, JobUsage
from service.storage.row_locks import lock_jobs
from service.storage.schema import BatchRow, JobRow
from service.storage.tenant_amounts import SUBMIT_LOCK


@dataclass(frozen=True)
class BatchItem:
    """A job of a new batch; `problem` says why its content can't be painted, so that it fails at once."""

    new: Submission
    problem: ProblemJson | None = None


@dataclass(frozen=True)
class BatchState:
    """How far a batch is.

    Attributes:
        sums: what its jobs are together; once it has ended, as they were then.
        fraction: share of the work that is done, 0 to 1: each job counts the same.
        running_eta: seconds until the last one of those that run ends, if known.
    """

    sums: BatchSums
    fraction: float = 1.0
    running_eta: float | None = None


class Batches(TenantJobs):
    """The callers' side of batches, for one tenant."""

    def repeated(self, key: RepeatKey) -> BatchRow | None:
        """Return the batch that an earlier POST with this key made. Raises InvalidInput if the body was different."""
        with self._database.reading() as session:
            return repeated_batch(session, key, self._limits.retention_s)

    def check_limits(self, owner: str, jobs: int) -> None:
        """Raise what `submit` would raise for a batch of so many jobs of this caller, whatever they cost."""
        with self._database.reading() as session:
            self._check_limits(session, self._tenant_limits(session), owner, more=1)
            check_items(session, owner, jobs, self._line)

    def submit(
        self,
        id: str,
        items: Sequence[BatchItem],
        callback_url: str | None,
        key: RepeatKey | None,
        shared: Sequence[int] = (),
    ) -> BatchRow:
        """Add a batch with its jobs, all or none. If its key made a batch before, return that one.

        `shared` has the sizes in bytes of the files that its jobs share. At least one of the items has no problem.

        Raises as `Queue.submit`; TooManyJobs also where too many jobs of the caller's batches wait.
        """
        owner, styles = items[0].new.owner, JointStyles()
        own = [styles.add(item.new.request) for item in items]
        rows = [self._row(id, i, item, own[i]) for i, item in enumerate(items)]  # before others have to wait
        first = next(row for row in rows if row.status == "queued")
        sent = first.usage or JobUsage()
        first.usage = replace(sent, bytes_in=sent.bytes_in + sum(shared))  # which were sent once
        common = row_bytes(callback_url) + files_bytes(shared)
        total_bytes = common + sum(row.bytes for row in rows)
        cost = styles.shared + sum(row.cost + row.style_cost for row in rows)
        own_folders = {job_folder(each) for each in (id, *(row.id for row in rows))}
        folders = {folder for row in rows for folder in folders_of(row)} - own_folders
        with self._database.writing() as session:
            advisory_lock(session, SUBMIT_LOCK)
            limits = self._check_tenant(session)
            if (earlier := repeated_batch(session, key, self._limits.retention_s)) is not None:
                return earlier
            clock = read_clock(session)
            for row in rows:
                _shift(row, clock)
            self._check_limits(session, limits, owner, total_bytes, cost)
            check_items(session, owner, sum(row.status == "queued" for row in rows), self._line)
            check_files(session, folders)
            forget_left(session, own_folders)
            batch = BatchRow(
                id=id,
                tenant=self._tenant,
                owner=owner,
                total=len(rows),
                callback_url=callback_url,
                created_at=clock,
                bytes=common,
                style_cost=styles.shared,
            )
            session.add_all([batch, *rows])
            session.flush()
            _count_failed(session, rows)
            remember(session, key, id)
            add_caller(session, owner)
            count_after_commit(session, TRANSFER, len(rows))
            return batch

    def _row(self, batch: str, index: int, item: BatchItem, styles: float) -> JobRow:
        """Return the row of a job, with its times as if it were submitted at 0."""
        new = item.new if item.problem is None else replace(item.new, deliver=None)
        row = row_of(new, self._tenant, 0.0, styles)
        row.batch, row.batch_index = batch, index
        if item.problem is not None:
            row.status, row.error, row.cost = "failed", item.problem, 0.0
            row.finished_at, row.events = 0.0, 1
            give_back_reserved(row)
        return row

    def get(self, id: str) -> BatchRow:
        """Return a batch. Raises NotFound."""
        mine = (BatchRow.id == id, BatchRow.tenant == self._tenant, batch_is_kept(self._limits.retention_s))
        with self._database.reading() as session:
            row = session.scalar(select(BatchRow).where(*mine))
        if row is None:
            raise NotFound(f"there is no batch {id!r}")
        return row

    def states(self, batches: Sequence[BatchRow]) -> dict[str, BatchState]:
        """Return how far each of these batches is."""
        states = {batch.id: BatchState(batch.sums) for batch in batches if batch.sums is not None}
        others = [batch for batch in batches if batch.id not in states]
        if not others:
            return states
        ids, progress = [batch.id for batch in others], dict[str, list[JobProgress]]()
        runs = (JobRow.batch.in_(ids), JobRow.status == "running", JobRow.progress.is_not(None))
        with self._database.reading() as session:
            sums = sums_of(session, ids)
            for id, one in session.execute(select(JobRow.batch, JobRow.progress).where(*runs)):
                progress.setdefault(id or "", []).append(one or JobProgress())
        return states | {batch.id: _state(batch, sums[batch.id], progress.get(batch.id, [])) for batch in others}

    def page(self, status: str | None, before: tuple[float, str] | None, limit: int) -> list[BatchRow]:
        """Return at most `limit` batches, newest first, before that of this time and id."""
        query = select(BatchRow).where(BatchRow.tenant == self._tenant, batch_is_kept(self._limits.retention_s))
        query = query.order_by(BatchRow.created_at.desc(), BatchRow.id.desc()).limit(limit)
        if status:
            query = query.where(BatchRow.status == status)
        if before is not None:
            query = query.where(tuple_(BatchRow.created_at, BatchRow.id) < before)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def items(
        self, batch: BatchRow, after: int = -1, limit: int | None = None, status: str | None = None
    ) -> list[JobRow]:
        """Return the jobs of a batch, without their requests: at most `limit` after place `after`, in their order."""
        query = select(JobRow).options(WITHOUT_REQUEST).where(JobRow.batch == batch.id, JobRow.batch_index > after)
        query = query.where(is_kept(self._limits.retention_s)).order_by(JobRow.batch_index).limit(limit)
        if status:
            query = query.where(JobRow.status == status)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def last_waiting(self, ids: Collection[str]) -> dict[str, str]:
        """Return the id of that job of each of these batches whose turn comes last, of those that wait."""
        waits = (JobRow.batch.in_(ids), JobRow.status == "queued")
        last = select(func.max(JobRow.number)).where(*waits).group_by(JobRow.batch)
        with self._database.reading() as session:
            rows = session.execute(select(JobRow.batch, JobRow.id).where(JobRow.number.in_(last)))
            return {batch: id for batch, id in rows if batch is not None}

    def cancel(self, id: str) -> BatchRow:
        """Cancel all jobs of a batch that haven't ended. Raises NotFound."""
        self.get(id)
        with self._database.writing() as session:
            ids = lock_jobs(session, JobRow.batch == id, JobRow.status.not_in(ENDED), batches=[id])
            batch = session.get(BatchRow, id)
            if batch is not None and ids:
                batch.cancel_requested = True  # before the last one ends, and the batch with it
            cancel(session, ids)
        return self.get(id)

    def delete(self, id: str) -> None:
        """Remove a batch and its jobs, which takes them from their workers. Raises NotFound."""
        batch = self.get(id)
        with self._database.writing() as session:
            jobs = session.scalars(select(JobRow.id).where(JobRow.batch == id)).all()
            lock_jobs(session, with_judging(jobs), batches=[id])
            rows = session.scalars(select(JobRow).options(WITHOUT_REQUEST).where(JobRow.batch == id)).all()
            for row in rows:
                ledger.enter_removed(session, row)
            shared = Left(job_folder(id), self._tenant, batch.owner, batch.bytes)
            own = [Left(job_folder(row.id), self._tenant, row.owner, row.bytes - row.reserved) for row in rows]
            remove(session, [id, *(row.id for row in rows)])
            leave(session, [shared, *own])
        ring(ROWS)


def _state(batch: BatchRow, sums: BatchSums, progress: Sequence[JobProgress]) -> BatchState:
    """Return how far a batch is whose running jobs are so far."""
    ended = batch.total - sums.counts["queued"] - sums.counts["running"]
    begun = sum(one.fraction for one in progress)
    etas = [one.eta_seconds for one in progress if one.eta_seconds is not None]
    return BatchState(sums, min(1.0, (ended + begun) / batch.total), max(etas, default=None))


def _shift(row: JobRow, clock: float) -> None:
    """Shift the times of a row that was made as if at 0."""
    row.created_at = clock
    if row.deadline_at is not None:
        row.deadline_at += clock
    if row.finished_at is not None:
        row.finished_at = clock


def _count_failed(session: Session, rows: Sequence[JobRow]) -> None:
    """Enter in the ledger, the log and the metrics those jobs of a new batch that have failed already."""
    for row in rows:
        if row.error is not None:
            ledger.enter(session, row)
            log_after_commit(session, row, REFUSED)


def failed_request(name: str) -> TransferRequest:
    """Return the request of a job whose content can't be read: it has the name of the file, and no picture."""
    return TransferRequest.from_json({"content": {"name": name}})
