"""The callers' side of the queue: submit, read, cancel and delete jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import event, select, tuple_, update
from sqlalchemy.orm import Session

from service.errors import FieldError, LimitExceeded, NotFound, NotReady, Overtaken
from service.jobs import ledger
from service.jobs.batch_course import end_if_done
from service.jobs.cost import learning_cost, planned_cost
from service.jobs.expiry import is_kept
from service.jobs.finish import call_back_again, finish
from service.jobs.idempotency import RepeatKey, remember, repeated
from service.jobs.removal import remove, with_judging
from service.jobs.request import ScoreRequest, TransferRequest, blobs, job_folder
from service.jobs.resource import Outcome
from service.jobs.result_bytes import planned_bytes
from service.jobs.scheduling import is_free
from service.jobs.style_cost import style_cost
from service.jobs.tasks import Task
from service.jobs.tenant_jobs import WITHOUT_REQUEST, TenantJobs
from service.machine.bells import ROWS, ring
from service.storage.blob_folders import folder_of
from service.storage.counted import files_bytes, row_bytes
from service.storage.database import advisory_lock, read_clock
from service.storage.kinds import LEARN, TRANSFER
from service.storage.left import Left, any_left, forget_left, leave
from service.storage.quota import reserved_bytes
from service.storage.records import ENDED, JobUsage
from service.storage.row_locks import lock_jobs
from service.storage.schema import CallerRow, JobRow
from service.storage.tenant_amounts import SUBMIT_LOCK, Amounts
from service.storage.tenant_limits import TenantLimits
from service.storage.typed_json import Json
from service.telemetry.instruments import jobs_submitted


def new_id() -> str:
    """Return a new job id: random, so that nobody can guess another job's id."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Submission:
    """A new job, whose kind is that of its request.

    `owner` is its caller. `deliver` has the `url` and the `headers` by which its pictures are delivered. It may take
    `deadline_s` seconds, including the wait. `trace` is the traceparent of its HTTP request, `files` the sizes of its
    request's files in bytes.
    """

    id: str
    request: TransferRequest | ScoreRequest | Task
    owner: str = ""
    priority: int = 0
    deadline_s: float | None = None
    callback_url: str | None = None
    deliver: Json | None = None
    repeat: RepeatKey | None = None
    trace: str | None = None
    files: Sequence[int] = ()


class Queue(TenantJobs):
    """The callers' side of the queue, for one tenant. `service.jobs.leases` is the workers' side."""

    def check_limits(self, owner: str, more: int = 0, cost: float = 0.0) -> None:
        """Raise what `submit` would raise for a job of this caller, of `more` bytes and this cost."""
        with self._database.reading() as session:
            self._check_limits(session, self._tenant_limits(session), owner, more, cost)

    def room(self, owner: str, of_tenant: TenantLimits, recent: Amounts | None) -> float:
        """Return the bytes that a new job of this caller may bring, by limits and amounts of a moment ago.

        `recent` is what the tenant had, if that is known. Before they refuse the job, both are read anew. Raises as
        `submit`.
        """
        with self._database.reading() as session:
            with suppress(LimitExceeded):
                return self._check_limits(session, of_tenant, owner, 1, recent=recent).room
            return self._check_limits(session, self._tenant_limits(session), owner, 1).room

    def reserved_bytes(self) -> int:
        """Return the bytes that the results of all unfinished jobs may take, those of other tenants included."""
        with self._database.reading() as session:
            return reserved_bytes(session)

    def repeated(self, key: RepeatKey) -> JobRow | None:
        """Return the job that an earlier POST with this key made. Raises InvalidInput if the body was different."""
        with self._database.reading() as session:
            return repeated(session, key, self._limits.retention_s)

    def submit(self, new: Submission, counted: Callable[[Amounts], None] = lambda amounts: None) -> JobRow:
        """Add a job and return it. If its key made a job before, return that one, which has another id.

        `counted` is called with what the tenant has with the job, where that is limited.

        Raises:
            LimitExceeded: it is too much for one of the tenant's limits.
            QueueFull, TooManyJobs: too many jobs wait already.
            NoSpace: the caller's files take too much.
            InvalidInput: the key came with a different body before.
            Overtaken: files of a preset or a painter were removed meanwhile.
            Unauthorized: the tenant was removed meanwhile.
        """
        with self._database.writing() as session:
            return self.submit_in(session, new, counted)

    def submit_in(
        self, session: Session, new: Submission, counted: Callable[[Amounts], None] = lambda amounts: None
    ) -> JobRow:
        """Submit a job as part of a transaction under way. Returns and raises as `submit`."""
        advisory_lock(session, SUBMIT_LOCK)  # so that two callers can't both take the last place
        limits = self._check_tenant(session)
        if (earlier := repeated(session, new.repeat, self._limits.retention_s)) is not None:
            return earlier
        row = row_of(new, self._tenant, read_clock(session), style_cost(new.request))
        if row.kind == LEARN:
            row.cost = planned_cost(new.request, learning_cost(session, self._tenant))
        cost = row.cost + row.style_cost
        amounts = self._check_limits(session, limits, row.owner, row.bytes, cost).amounts
        check_files(session, folders_of(row) - {job_folder(row.id)})
        forget_left(session, [job_folder(row.id)])
        session.add(row)
        remember(session, new.repeat, new.id)
        add_caller(session, new.owner)
        session.flush()
        session.refresh(row)
        count_after_commit(session, row.kind)
        if amounts is not None:
            counted(amounts.with_job(cost, row.bytes))
        return row

    def get(self, id: str, kind: str | None = None) -> JobRow:
        """Return a job, of this kind if one is given. Raises NotFound."""
        row = self.row(id)
        if row is None or row.tenant != self._tenant or (kind and row.kind != kind):
            raise NotFound(f"there is no {kind or 'job'} {id!r}")
        return row

    def row(self, id: str) -> JobRow | None:
        """Return a job of any tenant, or None: for whoever was given the job before."""
        with self._database.reading() as session:
            return session.scalar(select(JobRow).where(JobRow.id == id, is_kept(self._limits.retention_s)))

    def outcomes(self, ids: Collection[str]) -> dict[str, Outcome]:
        """Return the outcome of each of these jobs; jobs that don't exist are left out."""
        found = select(JobRow.id, JobRow.status, JobRow.error, JobRow.usage).where(JobRow.tenant == self._tenant)
        with self._database.reading() as session:
            rows = session.execute(found.where(JobRow.id.in_(ids)))
            return {id: Outcome(status, error, usage) for id, status, error, usage in rows}

    def event_counts(self, ids: Collection[str]) -> dict[str, int]:
        """Return how many events each of these jobs, of any tenant, has had; others are left out."""
        with self._database.reading() as session:
            rows = session.execute(select(JobRow.id, JobRow.events).where(JobRow.id.in_(ids)))
            return {id: events for id, events in rows}  # noqa: C416 - a Row is no pair to the type checker

    def page(self, status: str | None, before: tuple[float, str] | None, limit: int) -> list[JobRow]:
        """Return at most `limit` transfers that are in no batch, newest first, before that of this time and id.

        They are without their requests.
        """
        query = select(JobRow).options(WITHOUT_REQUEST).where(JobRow.tenant == self._tenant, JobRow.kind == TRANSFER)
        query = query.where(JobRow.batch.is_(None), is_kept(self._limits.retention_s))
        query = query.order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit)
        if status:
            query = query.where(JobRow.status == status)
        if before is not None:
            query = query.where(tuple_(JobRow.created_at, JobRow.id) < before)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def cancel(self, id: str) -> JobRow:
        """End a job at once that no worker has, or ask its worker to stop; an ended job stays as it is.

        Raises NotFound.
        """
        with self._database.writing() as session:
            mine = select(JobRow.id).where(JobRow.id == id, JobRow.tenant == self._tenant)
            cancel(session, session.scalars(mine).all())
        return self.get(id)

    def call_back(self, id: str) -> JobRow:
        """Send the webhook of an ended job once more. Raises NotFound or NotReady."""
        with self._database.writing() as session:
            mine = select(JobRow).where(JobRow.id == id, JobRow.tenant == self._tenant)
            row = session.scalar(mine.with_for_update())
            if row is not None and row.status not in ENDED:
                raise NotReady(f"the job is {row.status}; its webhook is sent when it ends")
            if row is not None:
                call_back_again(session, row)
        return self.get(id)

    def delete(self, id: str) -> None:
        """Remove a job's row, which also takes the job from its worker. Raises NotFound."""
        with self._database.writing() as session:
            mine = select(JobRow).where(JobRow.id == id, JobRow.tenant == self._tenant)
            lock_jobs(session, with_judging([id]), JobRow.tenant == self._tenant)
            row = session.scalar(mine)
            if row is None:
                raise NotFound(f"there is no job {id!r}")
            ledger.enter_removed(session, row)
            remove(session, [id])
            leave(session, [Left(job_folder(id), self._tenant)])  # whoever deletes it removes its files at once
            if row.batch is not None:
                end_if_done(session, row.batch)
        ring(ROWS)


def folders_of(row: JobRow) -> set[str]:
    """Return the folders of the files that a job needs."""
    return {folder_of(key) for key in blobs(row.request)} - {""}


def check_files(session: Session, folders: Collection[str]) -> None:
    """Raise Overtaken if these folders of presets, which new jobs need, may be removed already."""
    if folders and any_left(session, folders):
        raise Overtaken([FieldError("styles", "a preset, or its painter, was removed meanwhile: try again")])


def cancel(session: Session, ids: Collection[str]) -> None:
    """Cancel jobs as `Queue.cancel` does, in a transaction under way; ids of no job are skipped."""
    lock_jobs(session, JobRow.id.in_(ids))
    free = select(JobRow).options(WITHOUT_REQUEST).where(JobRow.id.in_(ids), is_free())
    for row in session.scalars(free.order_by(JobRow.tenant, JobRow.id)):
        ledger.count_begun(row)
        finish(session, row, "canceled", abandoned=True)
    running = update(JobRow).where(JobRow.id.in_(ids), JobRow.status == "running")
    session.execute(running.values(cancel_requested=True))
    event.listen(session, "after_commit", lambda _: ring(ROWS), once=True)


def add_caller(session: Session, owner: str) -> None:
    """Give a caller a row, which fair scheduling needs, unless it has one."""
    if session.get(CallerRow, owner) is None:
        session.add(CallerRow(owner=owner, last_claim=0))


def count_after_commit(session: Session, kind: str, jobs: int = 1) -> None:
    """Count new jobs of a kind in the metrics once their transaction is committed."""
    event.listen(session, "after_commit", lambda _: jobs_submitted.labels(kind).inc(jobs), once=True)


def row_of(new: Submission, tenant: str, clock: float, styles: float) -> JobRow:
    """Return the row of a tenant's job that is submitted at this time; `styles` is its `style_cost`."""
    reserved, request = planned_bytes(new.request), new.request.to_json()
    return JobRow(
        id=new.id,
        kind=new.request.kind,
        lane=new.request.lane,
        tenant=tenant,
        status="queued",
        request=request,
        owner=new.owner,
        priority=new.priority,
        deadline_at=None if new.deadline_s is None else clock + new.deadline_s,
        callback_url=new.callback_url,
        deliver=new.deliver,
        trace=new.trace,
        created_at=clock,
        cost=planned_cost(new.request),
        style_cost=styles,
        usage=JobUsage(bytes_in=sum(new.files)),
        bytes=files_bytes(new.files) + row_bytes(request, new.deliver, new.callback_url) + reserved,
        reserved=reserved,
    )
