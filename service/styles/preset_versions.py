"""Former states of presets: what was replaced or deleted can be had back until its retention is over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.storage.database import Database, advisory_lock, now, read_clock
from service.storage.left import leave
from service.storage.schema import PresetRow, PresetState, PresetVersionRow
from service.styles.preset_files import preset_folders

LOCK = "presets"  # of transactions that add, rename, replace or delete presets: they look up names that may change
KEPT = 50  # former states of a name that are kept at most
STATE = tuple(PresetState.__annotations__)  # columns that both rows have

Reason = Literal["replaced", "deleted"]


def keep_state(session: Session, row: PresetRow, reason: Reason) -> None:
    """Keep the state of a preset, in the transaction that replaces or deletes it."""
    state = {column: getattr(row, column) for column in STATE}
    session.add(PresetVersionRow(name=row.name, ended_at=read_clock(session), reason=reason, **state))
    session.flush()
    for old in session.scalars(_newest_first(row.name).offset(KEPT)):
        _let_go(session, old)


def forget_expired(database: Database, retention_s: float) -> None:
    """Remove the former states that ended more than `retention_s` seconds ago; their files may be swept up."""
    expired = select(PresetVersionRow).where(PresetVersionRow.ended_at < now() - retention_s)
    with database.reading() as session:
        if session.scalar(expired.limit(1)) is None:
            return
    with database.writing() as session:
        for row in session.scalars(expired.with_for_update(skip_locked=True)):
            _let_go(session, row)


class PresetVersions:
    """The former states of presets, each for `retention_s` seconds after it was replaced or deleted."""

    def __init__(self, database: Database, retention_s: float) -> None:
        self._database = database
        self._retention_s = retention_s

    def of(self, name: str) -> Sequence[PresetVersionRow]:
        """Return the former states of a name, newest first. Raises NotFound if it has none and isn't a preset's."""
        with self._database.reading() as session:
            rows = session.scalars(_newest_first(name).where(self._is_kept())).all()
            if not rows and session.get(PresetRow, name) is None:
                raise NotFound(f"there is no style {name!r}")
        return rows

    def restore(self, name: str, version: str) -> PresetRow:
        """Make a former state the current one, which becomes a former one itself if there is one. Raises NotFound."""
        with self._database.writing() as session:
            advisory_lock(session, LOCK)
            wanted = _newest_first(name).where(PresetVersionRow.version == version, self._is_kept())
            former = session.scalar(wanted.with_for_update())
            if former is None:
                raise NotFound(f"the style {name!r} has no version {version!r} that is still kept")
            row = session.get(PresetRow, name, with_for_update=True)
            if row is None:
                row = PresetRow(name=name)
            else:
                keep_state(session, row, "replaced")
            for column in STATE:
                setattr(row, column, getattr(former, column))
            row.warm = row.learning = row.sample = None
            session.add(row)
            session.delete(former)
        return row

    def purge(self, name: str) -> list[str]:
        """Remove a preset and its former states for good; return the folders of their files. Raises NotFound."""
        with self._database.writing() as session:
            advisory_lock(session, LOCK)
            row = session.get(PresetRow, name, with_for_update=True)
            rows = [*([row] if row else []), *session.scalars(_newest_first(name).with_for_update())]
            if not rows:
                raise NotFound(f"there is no style {name!r}")
            for one in rows:
                _let_go(session, one)
            return [folder for one in rows for folder in preset_folders(one)]

    def _is_kept(self) -> ColumnElement[bool]:
        if math.isinf(self._retention_s):
            return true()
        return PresetVersionRow.ended_at >= now() - self._retention_s


def _newest_first(name: str) -> Select[PresetVersionRow]:
    return (
        select(PresetVersionRow)
        .where(PresetVersionRow.name == name)
        .order_by(PresetVersionRow.ended_at.desc(), PresetVersionRow.version)
    )


def _let_go(session: Session, row: PresetRow | PresetVersionRow) -> None:
    """Remove a state, and record that its files may be removed."""
    leave(session, preset_folders(row))
    session.delete(row)
