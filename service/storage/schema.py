"""The tables of jobs and all that belongs to them, and the base of all tables.

Times are seconds since 1970 by the database's clock.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from service.errors import ProblemJson
from service.storage.foreign_text import FOREIGN
from service.storage.kinds import SCORE, TRANSFER
from service.storage.lanes import ENGINE
from service.storage.records import (
    ENDED,
    BatchSums,
    JobCheckpoint,
    JobProgress,
    JobUsage,
    PaintedPicture,
    Preview,
    ScoreResult,
    TransferResult,
)
from service.storage.typed_json import OBJECT, Json, typed

DEFAULT_TENANT = "default"
"""The tenant of callers without a key and of keys in the settings. It is always there."""

HAS_RESERVED = text("reserved > 0")  # as the index has it: with a parameter SQLite wouldn't use that
IS_ALONE = text("batch IS NULL")
LISTED = ("tenant", "kind", "created_at", "id", "status")
PAINTED = text(f"status = 'succeeded' AND kind IN ('{TRANSFER}', '{SCORE}')")
WAITS = text("status = 'queued'")

REQUESTS_AT_ONCE = 20  # that are read from rows of jobs: each may have 256 KiB of JSON

STORE_MARK = "store"  # of the id that a database shares with its blob store


class Base(DeclarativeBase):
    """The base of all tables; JSON columns are read and written by their types."""

    type_annotation_map = dict.fromkeys((Json, ProblemJson, dict[str, float], dict[str, str]), OBJECT)


class JobRow(Base):
    """A job of one of the kinds in service.storage.kinds. `number` is its place in the order of arrival.

    `fence` counts its claims: a write with an older fence comes from a worker that lost the job.
    `reached` is how far its furthest checkpoint was, see JobCheckpoint. `grams` is how many Grams one attempt had at
    most, in the cache, for the picture under way. `attempts` counts the claims since one of the two last grew, that
    one included, and without those that were given back.
    `lease_until` is when its claim ends; of a waiting job, until when a running one gives way to it.
    `request` holds the request, as service.jobs.request writes and reads it, all defaults filled in; its pictures lie
    under `jobs/<id>/` or, from presets, under `styles/<version>/`. `owner` is the caller it came from, `tenant` whose
    it is.

    `lane` says which workers may claim it. `deliver` is where its pictures go, with the headers that go along; an
    empty object once it has ended.

    `batch` is the batch that it belongs to, if any, and `batch_index` its place there; pictures that all jobs of a
    batch share lie under `jobs/<batch>/`.

    `cost` is the megapixel-evaluations that it was expected to take when it was submitted, `usage` what it has taken.
    `evaluated` is what it has carried out of them, without style pictures; None until a worker reports, and in rows
    of earlier versions.
    `style_cost` is what its style pictures add if none of their Gram matrices are cached, those aside that other jobs
    of its batch need too, and reading its files.

    `events` counts the events for clients that watch; a job's end is the last one. `trace` is the W3C traceparent of
    the request that it came with. `bytes` is what this row counts, with its request and the files of request and
    result, those aside that it shares with others of its batch (service.storage.counted). Until it ends, `reserved`
    of them are what its result may take. `result` has a form for each kind of job.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_by_status", "status", "number"),
        Index("jobs_by_owner", "owner", "status", "number"),
        Index("jobs_by_end", "finished_at"),
        Index("jobs_by_size", "owner", "bytes"),
        Index("jobs_by_tenant", "tenant", "number"),
        Index("jobs_by_amounts", "tenant", "status", "kind", "batch", "cost", "style_cost", "bytes"),
        Index("jobs_by_batch", "batch", "batch_index"),
        Index("jobs_by_reserved", "reserved", "status", sqlite_where=HAS_RESERVED, postgresql_where=HAS_RESERVED),
        Index("jobs_listed", *LISTED, sqlite_where=IS_ALONE, postgresql_where=IS_ALONE),
        Index("jobs_painted", "lane", "number", sqlite_where=PAINTED, postgresql_where=PAINTED),
        Index("jobs_waiting", "status", "batch", "owner", "kind", sqlite_where=WAITS, postgresql_where=WAITS),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(default=TRANSFER)
    lane: Mapped[str] = mapped_column(default=ENGINE, server_default=ENGINE)
    status: Mapped[str]
    request: Mapped[Json]
    tenant: Mapped[str] = mapped_column(default=DEFAULT_TENANT, server_default=DEFAULT_TENANT)
    owner: Mapped[str] = mapped_column(default="")
    priority: Mapped[int] = mapped_column(default=0)
    deadline_at: Mapped[float | None]
    callback_url: Mapped[str | None]
    deliver: Mapped[Json | None]
    trace: Mapped[str | None]
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    batch: Mapped[str | None]
    batch_index: Mapped[int | None]
    events: Mapped[int] = mapped_column(default=0)
    progress: Mapped[JobProgress | None] = mapped_column(typed(JobProgress))
    preview: Mapped[Preview | None] = mapped_column(typed(Preview))
    checkpoint: Mapped[JobCheckpoint | None] = mapped_column(typed(JobCheckpoint))
    result: Mapped[Json | None]
    error: Mapped[ProblemJson | None]
    timings: Mapped[dict[str, float] | None]
    engine: Mapped[dict[str, str] | None]
    style_cache: Mapped[str | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    worker: Mapped[str | None]
    fence: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    reached: Mapped[int] = mapped_column(default=0, server_default="0")
    grams: Mapped[int] = mapped_column(default=0, server_default="0")
    lease_until: Mapped[float | None]
    cost: Mapped[float] = mapped_column(default=0.0, server_default="0")
    style_cost: Mapped[float] = mapped_column(default=0.0, server_default="0")
    usage: Mapped[JobUsage | None] = mapped_column(typed(JobUsage))
    evaluated: Mapped[float | None]
    bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    reserved: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")

    @property
    def transfer_result(self) -> TransferResult | None:
        """The pictures that a transfer made, once it has succeeded."""
        return TransferResult.from_json(self.result) if self.kind == TRANSFER and self.result else None

    @property
    def finished_pictures(self) -> tuple[PaintedPicture, ...]:
        """The pictures that a transfer has finished: all of its result, or those of a series so far.

        A series that failed or was canceled keeps them. Those of earlier versions don't: their `bytes_out` is 0.
        """
        if (result := self.transfer_result) is not None:
            return result.pictures
        kept = self.status not in ENDED or (self.usage is not None and self.usage.bytes_out > 0)
        return self.checkpoint.done if self.checkpoint and kept else ()

    @property
    def score_result(self) -> ScoreResult | None:
        """The losses of a score, once it has succeeded."""
        return ScoreResult.from_json(self.result) if self.kind == SCORE and self.result else None


class BatchRow(Base):
    """A batch: jobs that were submitted together, `total` of them. `finished_at` is when the last of them ended.

    `status` is as that of a job. `sums` is what its jobs were when it ended: they can be removed before it is. It is
    None where it hasn't ended, and where a process of an earlier version ended it, until a sweep mends it.

    `bytes` is what this row and the files count that its jobs share; in rows of earlier versions the first job counts
    those files.
    `style_cost` is the megapixel-evaluations of the style pictures that its jobs may share.
    """

    __tablename__ = "batches"
    __table_args__ = (
        Index("batches_by_tenant", "tenant", "finished_at"),
        Index("batches_by_age", "tenant", "created_at", "id"),
        Index("batches_by_owner", "owner", "finished_at"),
        Index("batches_by_end", "finished_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    owner: Mapped[str]
    total: Mapped[int]
    status: Mapped[str] = mapped_column(default="queued", server_default="queued")
    sums: Mapped[BatchSums | None] = mapped_column(typed(BatchSums))
    callback_url: Mapped[str | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[float]
    finished_at: Mapped[float | None]
    bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    style_cost: Mapped[float] = mapped_column(default=0.0, server_default="0")


class CallerRow(Base):
    """A caller, for fair scheduling: `last_claim` grows with every claim, and the caller with the lowest is next."""

    __tablename__ = "turns"

    owner: Mapped[str] = mapped_column(primary_key=True)
    last_claim: Mapped[int] = mapped_column("turn", BigInteger)


class IdempotencyRow(Base):
    """An `Idempotency-Key` of a caller, the digest of the body it came with, and the job that was made."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idempotency_keys_by_job", "job_id"),)

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    job_id: Mapped[str]
    created_at: Mapped[float]


class DeliveryRow(Base):
    """A message to another host: a webhook, whose body is `payload`, or a finished picture of a job.

    One that was still due when its job was removed stays until it is over. `bytes` is what it counts for its caller,
    `owner`, and its tenant; 0 in rows of earlier versions.

    `due_at` is the next attempt, None if there is none left. `host` is the host of its URL with its port; earlier
    versions wrote it without, or no host.

    `variant` says which of the job's pictures is delivered; None for a webhook. `headers` go with it. They and the
    URL are emptied when no attempt is left: there may be a password in them.

    A dispatcher moves `due_at` before its attempt, so that the webhook comes back if that process dies.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("deliveries_by_due", "due_at"),
        Index("deliveries_by_job", "job_id"),
        Index("deliveries_by_tenant", "tenant", "bytes"),
        Index("deliveries_by_owner", "owner", "bytes"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(default=DEFAULT_TENANT, server_default=DEFAULT_TENANT)
    owner: Mapped[str] = mapped_column(default="", server_default="")
    bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    job_id: Mapped[str]
    url: Mapped[str]
    host: Mapped[str] = mapped_column(default="", server_default="")
    payload: Mapped[Json]
    variant: Mapped[int | None]
    headers: Mapped[Json | None]
    created_at: Mapped[float]
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[float | None]
    delivered_at: Mapped[float | None]
    error: Mapped[str | None] = mapped_column(FOREIGN)


class SecretRow(Base):
    """A secret that the service made itself, the same for all its processes."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class MarkRow(Base):
    """A fact about the whole database under a name, with a value and the time when it was written.

    Some are written once (service.styles.once), others with each change (the version of all keys).
    """

    __tablename__ = "marks"

    name: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[float]
    value: Mapped[str | None] = mapped_column(FOREIGN)


class WorkerRow(Base):
    """A worker process that is ready for jobs, and when it was last seen alive.

    `id` is its PID namespace and its process id there. `memory` is its capacity for a job in bytes; None if a job's
    need isn't known. `model` is the SHA-256 of the model that it computes with; None for workers of earlier versions,
    and for painter workers, which have no model. `lane` says which jobs it is there for.
    """

    __tablename__ = "roll"

    id: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[float]
    memory: Mapped[int | None] = mapped_column(BigInteger)
    precision: Mapped[str] = mapped_column(default="float32")
    model: Mapped[str | None]
    lane: Mapped[str] = mapped_column(default=ENGINE, server_default=ENGINE)
