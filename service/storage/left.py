"""Folders of the blobs whose row was removed on purpose, so that their files may be removed too."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.storage.database import read_clock
from service.storage.schema import LeftRow

BATCH = 1000  # folders in a statement: databases limit its parameters, PostgreSQL to 65,535


def leave(session: Session, folders: Collection[str]) -> None:
    """Record, in the transaction that removes the row, that the files in these folders may be removed."""
    clock = read_clock(session)
    for folder in folders:
        session.merge(LeftRow(folder=folder, left_at=clock))


def any_left(session: Session, folders: Collection[str]) -> bool:
    """Return whether one of these folders is recorded."""
    return session.scalar(select(LeftRow.folder).where(LeftRow.folder.in_(folders)).limit(1)) is not None


def left_folders(session: Session) -> set[str]:
    """Return the recorded folders, which may still hold files."""
    return set(session.scalars(select(LeftRow.folder)))


def forget_left(session: Session, folders: Collection[str]) -> None:
    """Remove the records of folders whose files are gone."""
    names = sorted(folders)
    for i in range(0, len(names), BATCH):
        session.execute(delete(LeftRow).where(LeftRow.folder.in_(names[i : i + BATCH])))
