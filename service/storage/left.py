"""Folders of the blobs that have no row on purpose, so that their files may be removed too."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, insert, select, true
from sqlalchemy.orm import Session

from service.storage.database import read_clock
from service.storage.schema import LeftRow

BATCH = 1000  # folders in a statement: databases limit its parameters, PostgreSQL to 65,535


def leave(session: Session, folders: Collection[str]) -> None:
    """Record that the files in these folders may be removed: in the transaction that removes the row.

    Or before files are written, until the transaction that writes the row (service.storage.unsaved).
    """
    forget_left(session, folders)
    left_at = read_clock(session)
    if folders:
        session.execute(insert(LeftRow), [{"folder": folder, "left_at": left_at} for folder in set(folders)])


def any_left(session: Session, folders: Collection[str]) -> bool:
    """Return whether one of these folders is recorded."""
    return session.scalar(select(LeftRow.folder).where(LeftRow.folder.in_(folders)).limit(1)) is not None


def left_folders(session: Session) -> set[str]:
    """Return the recorded folders, which may still hold files."""
    return set(session.scalars(select(LeftRow.folder)))


def forget_left(session: Session, folders: Collection[str], *, before: float | None = None) -> None:
    """Remove the records of folders: only those that were made before that time of the database's clock, if given."""
    names = sorted(folders)
    old = true() if before is None else LeftRow.left_at < before
    for i in range(0, len(names), BATCH):
        session.execute(delete(LeftRow).where(LeftRow.folder.in_(names[i : i + BATCH]), old))
