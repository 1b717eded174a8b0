"""The tables. Times are seconds since 1970 by the database's clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Index
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON(none_as_null=True), list[dict[str, Any]]: JSON}  # noqa: RUF012


class PresetRow(Base):
    """A saved style. `version` names this state of it: its files lie under `styles/<version>/`.

    `images` holds, for each style image, `blob`, `sha256`, `width`, `height`, `weight` and `scale`.
    """

    __tablename__ = "presets"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str]
    description: Mapped[str]
    images: Mapped[list[dict[str, Any]]]
    created_at: Mapped[float]


class JobRow(Base):
    """A transfer. `number` is its place in the order of arrival.

    `fence` counts its claims: a write that carries an older one comes from a worker that lost it.
    `request` is what was asked for, all defaults filled in; its pictures lie under `jobs/<id>/` or, from presets,
    under `styles/<version>/`.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_by_status", "status", "number"), {"sqlite_autoincrement": True})

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    request: Mapped[dict[str, Any]]
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    progress: Mapped[dict[str, Any] | None]
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


class WorkerRow(Base):
    """A worker process that has its model loaded, and when it was last seen alive.

    `memory` is what it has for a job, in bytes; None where it isn't known what a job takes.
    """

    __tablename__ = "roll"

    id: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[float]
    memory: Mapped[int | None] = mapped_column(BigInteger)
    precision: Mapped[str] = mapped_column(default="float32")
