"""Folders of the blobs that have no row on purpose, so that their files may be removed too."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.storage.database import read_clock
from service.storage.row_locks import delete_unlocked
from service.storage.schema import LeftRow
from service.storage.upsert import insert_into

BATCH = 1000  # folders in a statement: databases limit its parameters, PostgreSQL to 65,535


def leave(session: Session, folders: Collection[str]) -> None:
    """Record that the files in these folders may be removed: in the transaction that removes the row.

    Or before files are written, until the transaction that writes the row (service.storage.unsaved).
    """
    if folders:
        left_at, new = read_clock(session), insert_into(session, LeftRow)
        noted = new.on_conflict_do_update(index_elements=("folder",), set_={"left_at": new.excluded.left_at})
        session.execute(noted, [{"folder": name, "left_at": left_at} for name in sorted(set(folders))])


def any_left(session: Session, folders: Collection[str]) -> bool:
    """Return whether one of these folders is recorded."""
    return session.scalar(select(LeftRow.folder).where(LeftRow.folder.in_(folders)).limit(1)) is not None


def left_folders(session: Session) -> set[str]:
    """Return the recorded folders, which may still hold files."""
    return set(session.scalars(select(LeftRow.folder)))


def forget_left(session: Session, folders: Collection[str]) -> None:
    """Remove the records of folders, in the transaction that writes their row."""
    for names in _batches(folders):
        session.execute(delete(LeftRow).where(LeftRow.folder.in_(names)))


def forget_old_left(session: Session, folders: Collection[str], before: float) -> None:
    """Remove the records of folders that were made before that time of the database's clock."""
    for names in _batches(folders):
        delete_unlocked(session, LeftRow, LeftRow.folder.in_(names), LeftRow.left_at < before)


def _batches(folders: Collection[str]) -> Iterator[list[str]]:
    names = sorted(set(folders))
    return (names[i : i + BATCH] for i in range(0, len(names), BATCH))
