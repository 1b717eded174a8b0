"""The mark of the last removal of cached Gram matrices: those that a process keeps from before it are void."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.storage.database import read_clock
from service.storage.schema import MarkRow
from service.storage.upsert import insert_into

NAME = "grams removed"


def mark_removal(session: Session) -> None:
    """Have each worker forget the Gram matrices in its memory before its next job after this transaction."""
    new = insert_into(session, MarkRow).values(name=NAME, made_at=read_clock(session), value=uuid.uuid4().hex)
    changed = {"made_at": new.excluded.made_at, "value": new.excluded.value}
    session.execute(new.on_conflict_do_update(index_elements=("name",), set_=changed))


def last_removal(session: Session) -> str | None:
    """Return a value that each removal replaces; None before the first one."""
    value: str | None = session.scalar(select(MarkRow.value).where(MarkRow.name == NAME))
    return value
