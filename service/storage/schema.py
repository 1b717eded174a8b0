"""The tables. Times are seconds since 1970 by the database's clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Index
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ENDED = ("succeeded", "failed", "canceled")
"""The final states of a job; before them come "queued" and "running"."""

STORE_MARK = "store"  # of the id that a database shares with its blob store

KINDS = ("transfer", "score", "warm", "pack")
"""The kinds of jobs: transfers, scores of a picture, warming of the Gram cache, packs of presets."""


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON(none_as_null=True), list[dict[str, Any]]: JSON}  # noqa: RUF012


class PresetRow(Base):
    """A saved style. `version` names this state of it: its files lie under `styles/<version>/`.

    `images` holds, for each style image, `blob`, `sha256`, `width`, `height`, `weight` and `scale`. A preset that
    came as a pack has no pictures, and under `pack` its file: `blob`, `sha256`, `model`, `layers` and `sizes`.

    `warm` names under `job` the task that computes its Grams beforehand, for the output `sizes`. `thumbnail` is the
    SHA-256 of its thumbnail; None for those of before. `owner` is the caller who saved it, `bytes` what its files
    take.
    """

    __tablename__ = "presets"
    __table_args__ = (Index("presets_by_owner", "owner", "bytes"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str]
    description: Mapped[str]
    images: Mapped[list[dict[str, Any]]]
    pack: Mapped[dict[str, Any] | None]
    warm: Mapped[dict[str, Any] | None]
    thumbnail: Mapped[str | None]
    owner: Mapped[str] = mapped_column(default="", server_default="")
    bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    created_at: Mapped[float]


class JobRow(Base):
    """A job of one of the KINDS. `number` is its place in the order of arrival.

    `fence` counts its claims: a write with an older fence comes from a worker that lost the job.
    `request` holds the request, all defaults filled in; its pictures lie under `jobs/<id>/` or, from presets,
    under `styles/<version>/`. `owner` is the caller it came from.

    `events` counts the events for those who watch. `progress` and `preview` hold under `event` the number they came
    with; that of a job's end is the last. `checkpoint` and `preview` name their file under `blob`. `trace` is the W3C
    traceparent of the request that it came with. `bytes` is what the files of its request and its result take.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_by_status", "status", "number"),
        Index("jobs_by_owner", "owner", "status", "number"),
        Index("jobs_by_end", "finished_at"),
        Index("jobs_by_size", "owner", "bytes"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(default="transfer")
    status: Mapped[str]
    request: Mapped[dict[str, Any]]
    owner: Mapped[str] = mapped_column(default="")
    priority: Mapped[int] = mapped_column(default=0)
    deadline_at: Mapped[float | None]
    callback_url: Mapped[str | None]
    trace: Mapped[str | None]
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    events: Mapped[int] = mapped_column(default=0)
    progress: Mapped[dict[str, Any] | None]
    preview: Mapped[dict[str, Any] | None]
    checkpoint: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    timings: Mapped[dict[str, Any] | None]
    engine: Mapped[dict[str, Any] | None]
    style_cache: Mapped[str | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    worker: Mapped[str | None]
    fence: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[float | None]
    bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class CallerRow(Base):
    """A caller, for fair scheduling: `last_claim` grows with every claim, and the caller with the lowest is next."""

    __tablename__ = "turns"

    owner: Mapped[str] = mapped_column(primary_key=True)
    last_claim: Mapped[int] = mapped_column("turn", BigInteger)


class IdempotencyRow(Base):
    """An `Idempotency-Key` of a caller, the digest of the body it came with, and the job that this made."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idempotency_keys_by_job", "job_id"),)

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    job_id: Mapped[str]
    created_at: Mapped[float]


class DeliveryRow(Base):
    """A webhook to be delivered: `payload` is the body. `due_at` is the next attempt, None if there is none left.

    A dispatcher moves `due_at` before its attempt, so that the webhook comes back if that process dies.
    """

    __tablename__ = "deliveries"
    __table_args__ = (Index("deliveries_by_due", "due_at"), Index("deliveries_by_job", "job_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str]
    url: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[float]
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[float | None]
    delivered_at: Mapped[float | None]
    error: Mapped[str | None]


class SecretRow(Base):
    """A secret that the service made itself, the same for all its processes."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class MarkRow(Base):
    """A mark of something that is done once in this database's life, with its time and a value."""

    __tablename__ = "marks"

    name: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[float]
    value: Mapped[str | None]


class LeftRow(Base):
    """A folder of the blobs, as in `jobs/<id>`, whose row was removed on purpose: its files may be swept up."""

    __tablename__ = "left_folders"

    folder: Mapped[str] = mapped_column(primary_key=True)
    left_at: Mapped[float]


class WorkerRow(Base):
    """A worker process that has its model loaded, and when it was last seen alive.

    `memory` is its capacity for a job in bytes; None if a job's need isn't known. `model` is the SHA-256 of
    the model that it computes with; None for workers of before.
    """

    __tablename__ = "roll"

    id: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[float]
    memory: Mapped[int | None] = mapped_column(BigInteger)
    precision: Mapped[str] = mapped_column(default="float32")
    model: Mapped[str | None]
