"""What is saved once in a database's life, as the presets that come with the service: marks tell whether it was."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.storage.database import advisory_lock, read_clock
from service.storage.preset_schema import PresetRow
from service.storage.schema import MarkRow

WANTED = "{} wanted"  # the mark that presets are to be saved, before the one that they were


def is_done(session: Session, mark: str) -> bool:
    """Return whether presets were saved under a mark, or are not to be saved."""
    return session.get(MarkRow, mark) is not None


def decided(session: Session, mark: str) -> bool | None:
    """Return whether presets are to be saved; None where nobody has decided it yet."""
    if is_done(session, mark):
        return False
    return True if session.get(MarkRow, WANTED.format(mark)) else None


def decide(session: Session, mark: str) -> bool:
    """Return whether presets are to be saved; the first call decides it for all later ones: if there are none yet."""
    advisory_lock(session, mark)
    if (found := decided(session, mark)) is not None:
        return found
    is_first = session.scalar(select(PresetRow.name).limit(1)) is None
    session.add(MarkRow(name=WANTED.format(mark) if is_first else mark, made_at=read_clock(session)))
    return is_first
