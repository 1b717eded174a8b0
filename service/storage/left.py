"""Folders of the blobs that have no row on purpose, so that their files may be removed too.

What they hold counts for whoever had their rows until it is removed: else a tenant could fill the disk by saving and
deleting again and again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from service.storage.database import read_clock
from service.storage.left_schema import HAS_BYTES, LeftRow
from service.storage.row_locks import delete_unlocked
from service.storage.upsert import insert_into

BATCH = 1000  # folders in a statement: databases limit its parameters, PostgreSQL to 65,535


@dataclass(frozen=True)
class Left:
    """A folder whose row is removed: whose that was, and the bytes that its files count until they are removed."""

    folder: str
    tenant: str
    owner: str = ""
    bytes: int = 0


def leave(session: Session, removed: Iterable[Left]) -> None:
    """Record that the files in these folders may be removed: in the transaction that removes the row."""
    _record(session, [asdict(one) for one in removed])


def note(session: Session, folders: Collection[str]) -> None:
    """Record folders of which nobody knows whether they are without a row for good.

    Files are written into some of them before the row (service.storage.unsaved); a worker may still write to others.
    Their files may be removed after a while.
    """
    _record(session, [{"folder": folder} for folder in set(folders)])


def _record(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        left_at, new = read_clock(session), insert_into(session, LeftRow)
        changed = {name: new.excluded[name] for name in ("left_at", *rows[0]) if name != "folder"}
        recorded = new.on_conflict_do_update(index_elements=("folder",), set_=changed)
        session.execute(recorded, [row | {"left_at": left_at} for row in sorted(rows, key=lambda row: row["folder"])])


def any_left(session: Session, folders: Collection[str]) -> bool:
    """Return whether one of these folders is recorded."""
    return session.scalar(select(LeftRow.folder).where(LeftRow.folder.in_(folders)).limit(1)) is not None


def left_folders(session: Session) -> set[str]:
    """Return the recorded folders, which may still hold files."""
    return set(session.scalars(select(LeftRow.folder)))


def removed_folders(session: Session) -> set[str]:
    """Return those of the recorded folders that surely get no row any more."""
    return set(session.scalars(select(LeftRow.folder).where(LeftRow.tenant.is_not(None))))


def counted_folders(session: Session, tenant: str) -> list[str]:
    """Return the folders that count for a tenant, those that were left last first; BATCH at most."""
    counted = select(LeftRow.folder).where(LeftRow.tenant == tenant, HAS_BYTES)
    return list(session.scalars(counted.order_by(LeftRow.left_at.desc(), LeftRow.folder).limit(BATCH)))


def count_no_longer(session: Session, folders: Collection[str]) -> None:
    """Let folders count nothing, whose files are removed; records that others hold stay as they are."""
    for names in _batches(folders):
        _empty(session, LeftRow.folder.in_(names))


def count_none_of(session: Session, tenant: str) -> None:
    """Let all folders of a tenant that is removed count nothing; the sweep removes their files."""
    _empty(session, LeftRow.tenant == tenant)


def _empty(session: Session, which: ColumnElement[bool]) -> None:
    free = select(LeftRow.folder).where(which, HAS_BYTES).with_for_update(skip_locked=True)
    emptied = update(LeftRow).where(LeftRow.folder.in_(free)).values(bytes=0)
    session.execute(emptied, execution_options={"synchronize_session": False})


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
