"""The workers' side of the queue: a job is claimed under a lease; only its newest claim may write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from service.errors import ServiceError
from service.jobs import batch_course
from service.jobs.attempts import end_unwanted, enter_checkpoint, enter_grams, enter_news, give_back, give_up, go_back
from service.jobs.finish import deadline_error, finish
from service.jobs.judging import Judgement, enter, submit_judging
from service.jobs.ledger import count_begun
from service.jobs.meter import Meter, meter_for
from service.jobs.repeated_end import write_end
from service.jobs.running_limits import is_any_due, may_run_one_more, next_job, passed_over
from service.jobs.scheduling import HANDOVER_S, gets_no_worker, goes_before, is_due, patience_s
from service.jobs.tasks import CompareTask, JudgeTask, followed_id
from service.machine.bells import JOBS, ROWS, ring
from service.storage.counted import files_bytes
from service.storage.database import Database, now, read_clock
from service.storage.gram_removals import last_removal
from service.storage.kinds import FOLLOWING, LEARN, TRANSFER
from service.storage.lanes import ENGINE, PAINT, Lane
from service.storage.records import JobCheckpoint, JobProgress, Preview, ScoreResult, TaskResult, TransferResult
from service.storage.row_locks import lock_jobs
from service.storage.schema import CallerRow, JobRow
from service.storage.tenant_limits import NO_LIMITS, TenantLimits
from service.storage.typed_json import Json

Result = TransferResult | ScoreResult | TaskResult
"""The result of a job, by its kind."""


class LeaseLost(Exception):
    """The job was taken over, ended or deleted in the meantime, so the work on it doesn't count."""


@dataclass(frozen=True)
class Claim:
    """A worker's right to write to a job, good until another worker claims it or the job ends.

    `request` is as the row holds it, empty if that is no JSON object. The worker parses it while it runs the job, so
    that a damaged request fails only its own job.
    `checkpoint` describes the newest checkpoint; None if the job starts from its beginning.
    `kind` is one of storage's KINDS, `lane` one of its lanes, `trace` the traceparent that the job came with.
    `meter` is what the work costs; every report writes it.
    `removal` names the last removal of Gram matrices: those that were kept in memory before it are void.
    `after_death`: whether the attempt before counts, because its worker died, hung or could not use the job's files.
    """

    id: str
    fence: int
    request: Json
    checkpoint: JobCheckpoint | None = None
    kind: str = TRANSFER
    lane: str = ENGINE
    trace: str | None = None
    meter: Meter = field(default_factory=Meter, compare=False)
    removal: str | None = None
    after_death: bool = False

    @property
    def patience_s(self) -> float:
        """Seconds that other jobs wait before this one gives way, if it is of a kind that does."""
        return patience_s(self.kind, self.fence, self.checkpoint)


@dataclass(frozen=True)
class Flags:
    """Flags of a job that its worker reads with each report."""

    cancel_requested: bool
    overdue: bool


class Leases:
    """Claims on jobs.

    `lease_s`: seconds that a claim lasts without a report. `limits`: those of tenants without values of their own.
    """

    def __init__(self, database: Database, lease_s: float, limits: TenantLimits = NO_LIMITS) -> None:
        self.database = database
        self._lease_s = lease_s
        self._limits = limits

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """Begin a transaction that changes jobs; whoever watches them is woken after it."""
        with self.database.writing() as session:
            yield session
        ring(ROWS)

    def _end(self, claim: Claim, status: str, change: Callable[[Session, JobRow], None]) -> None:
        """End a job by `change`, in one transaction; a job that it follows is locked too.

        While the database is away, it tries again until a lease is over. Raises LeaseLost.
        """

        def write(may_have_ended: bool) -> None:
            with self._writing() as session:
                if claim.kind in FOLLOWING:
                    lock_jobs(session, JobRow.id.in_((claim.id, followed_id(claim.request))))
                if may_have_ended and (row := _locked(session, claim)) and row.status == status:
                    return
                change(session, _held(session, claim))

        claim.meter.stop()
        write_end(write, claim.id, self._lease_s)

    def claim(self, worker: str, engine: dict[str, str] | None, lane: Lane = ENGINE) -> Claim | None:
        """Claim the next job that waits or whose lease ran out; None if there is none.

        Scheduling is fair (round robin by caller). Among one caller's jobs the highest priority comes first, then
        those in the lane PAINT, then the oldest. Judging comes after all of these, then comparing, then learning.
        `service.jobs.scheduling` has the rules. Tenants that have as many running jobs as they may are passed over.

        A worker of the lane PAINT claims no other jobs. Those of the lane ENGINE claim any, but leave a painting to
        living painter workers for its first PAINT_PATIENCE_S.
        """
        while True:
            with self.database.reading() as session:
                if not is_any_due(session, lane, self._limits):
                    return None
            with self._writing() as session:
                row = next_job(session, lane, self._limits)
                if row is None:
                    return None
                if may_run_one_more(session, row.tenant, self._limits) and not give_up(session, row):
                    return self._take(session, row, worker, engine)

    def _take(self, session: Session, row: JobRow, worker: str, engine: dict[str, str] | None) -> Claim:
        clock = read_clock(session)
        row.status, row.worker = "running", worker
        row.engine = None if row.lane == PAINT else engine  # a painting has that which measures its losses
        go_back(row)
        row.started_at = row.started_at or clock
        row.lease_until = clock + self._lease_s
        row.fence += 1
        row.attempts += 1
        if row.batch is not None:
            batch_course.begin(session, row.batch)
        if row.kind not in FOLLOWING:  # which no caller asked for
            newest = select(func.coalesce(func.max(CallerRow.last_claim), 0) + 1).scalar_subquery()
            session.execute(update(CallerRow).where(CallerRow.owner == row.owner).values(last_claim=newest))
        meter = meter_for(row, engine)
        job = (row.id, row.fence, row.request or {}, row.checkpoint, row.kind, row.lane, row.trace)
        return Claim(*job, meter, last_removal(session), after_death=row.attempts > 1)

    def report(
        self,
        claim: Claim,
        *,
        progress: JobProgress | None = None,
        preview: Preview | None = None,
        checkpoint: JobCheckpoint | None = None,
        grams: int = 0,
    ) -> Flags:
        """Renew the lease, and write what is given.

        `grams` are those that this attempt has, in the cache, for the picture under way. Raises LeaseLost.
        """
        with self._writing() as session:
            row = _held(session, claim)
            clock = read_clock(session)
            enter_news(row, progress, preview)
            if checkpoint is not None:
                enter_checkpoint(row, checkpoint)
            enter_grams(row, grams)
            row.lease_until = clock + self._lease_s
            return Flags(row.cancel_requested, row.deadline_at is not None and row.deadline_at < clock)

    def succeed(
        self,
        claim: Claim,
        result: Result,
        timings: Mapping[str, float] | None = None,
        style_cache: str | None = None,
        files: Sequence[int] = (),
        *,
        preview: Preview | None = None,
        then: JudgeTask | CompareTask | None = None,
    ) -> None:
        """End a job with success; its result's files have the sizes `files`. The task `then` measures losses.

        Raises LeaseLost.
        """

        def change(session: Session, row: JobRow) -> None:
            row.bytes += files_bytes(files)
            row.usage = replace(claim.meter.usage(), bytes_out=sum(files))
            row.result, row.style_cache, row.checkpoint = result.to_json(), style_cache, None
            row.timings = dict(timings or {})
            enter_news(row, None, preview)
            if row.kind == LEARN:  # its watchers see by this that it has learned: `done` comes after the comparison
                enter_news(row, row.progress or JobProgress(), None)
            finish(session, row, "succeeded")
            if then is not None:
                submit_judging(session, row, then)

        self._end(claim, "succeeded", change)
        if then is not None:
            ring(JOBS)

    def judged(self, claim: Claim, transfer: str, found: Judgement) -> None:
        """End a judging with success, and enter what it found in the transfer, if that exists. Raises LeaseLost."""

        def change(session: Session, row: JobRow) -> None:
            enter(session, transfer, found, row.engine)
            row.result = TaskResult().to_json()
            finish(session, row, "succeeded")

        self._end(claim, "succeeded", change)

    def fail(self, claim: Claim, error: ServiceError) -> None:
        """End a job with an error. Raises LeaseLost."""
        self._end(claim, "failed", lambda session, row: finish(session, row, "failed", error))

    def fail_overdue(self, claim: Claim) -> None:
        """End a job whose deadline has passed. Raises LeaseLost."""

        def change(session: Session, row: JobRow) -> None:
            count_begun(row)
            finish(session, row, "failed", deadline_error(row))

        self._end(claim, "failed", change)

    def cancel(self, claim: Claim) -> None:
        """End a job that its caller canceled. Raises LeaseLost."""

        def change(session: Session, row: JobRow) -> None:
            count_begun(row)
            finish(session, row, "canceled")

        self._end(claim, "canceled", change)

    def hold(self, session: Session, claim: Claim) -> None:
        """Keep a claimed job from others until a transaction under way ends. Raises LeaseLost."""
        _held(session, claim)

    def give_back(self, claim: Claim) -> None:
        """Put the job back in the queue: it continues at its checkpoint, and this attempt doesn't count.

        A job that was canceled meanwhile ends. Raises LeaseLost.
        """
        with self._writing() as session:
            row = _held(session, claim)
            if row.cancel_requested:
                end_unwanted(session, row)
            else:
                give_back(row)
        ring(JOBS)

    def must_give_way(self, claim: Claim) -> bool:
        """Return whether a job that comes before this one has waited for a worker longer than its patience.

        That job gets this one's worker: for HANDOVER_S no other one gives way to it, unless it is one whose lease
        ran out, which the next worker claims at once.
        """

        def waiting(session: Session) -> Select[JobRow]:
            due = is_due(ENGINE, passed_over(session, self._limits, but=claim.id))
            late = JobRow.created_at < now() - claim.patience_s
            return select(JobRow).where(due, gets_no_worker(), goes_before(claim.kind), late).limit(1)

        with self.database.reading() as session:
            if session.scalar(waiting(session)) is None:
                return False
        with self.database.writing() as session:
            row = session.scalar(waiting(session).with_for_update(skip_locked=True))
            if row is not None and row.status == "queued":
                row.lease_until = read_clock(session) + HANDOVER_S
        return row is not None

    def exists(self, id: str) -> bool:
        """Return whether the job still exists."""
        with self.database.reading() as session:
            return session.scalar(select(JobRow.id).where(JobRow.id == id)) is not None


def _locked(session: Session, claim: Claim) -> JobRow | None:
    """Lock and return the row of a claimed job; None if another worker has it or it is gone."""
    claimed = select(JobRow).where(JobRow.id == claim.id, JobRow.fence == claim.fence)
    return session.scalar(claimed.with_for_update())


def _held(session: Session, claim: Claim) -> JobRow:
    """Return the row of a claimed job, with what the work has cost so far. Raises LeaseLost."""
    row = _locked(session, claim)
    if row is None or row.status != "running":
        raise LeaseLost(claim.id)
    row.usage, row.evaluated = claim.meter.usage(), claim.meter.carried_out
    return row
