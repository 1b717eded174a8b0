"""The tasks of presets: the jobs that a preset's row names, its warming and its learning."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.storage.preset_schema import PresetRow

CancelJobs = Callable[[Session, Collection[str]], None]
"""Cancels jobs in a transaction under way: the queue's, which this folder doesn't import."""


def cancel_none(session: Session, jobs: Collection[str]) -> None:
    """Cancel nothing: for processes that replace and delete no presets."""


def tasks_of(row: PresetRow) -> list[str]:
    """Return the ids of a preset's tasks."""
    return [job for job in (row.warm.job if row.warm else None, row.learning) if job]


def named_tasks(session: Session) -> set[str]:
    """Return the ids of the tasks of all presets."""
    rows = session.execute(select(PresetRow.warm, PresetRow.learning))
    return {job for warm, learning in rows for job in (warm.job if warm else None, learning) if job}
