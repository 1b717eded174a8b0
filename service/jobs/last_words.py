"""The last words of workers that ended of an error: /readyz shows them while no worker is alive."""

from __future__ import annotations

import logging
import os
from contextlib import closing

from sqlalchemy import delete
from sqlalchemy.orm import Session

from service.config import Settings
from service.errors import ModelUnavailable, ServiceError, cut, without_paths
from service.storage.database import Database, read_clock
from service.storage.schema import MarkRow

logger = logging.getLogger(__name__)

NAME = "last words"  # of the mark that holds them
LONGEST = 300  # characters
VARIABLE = "SERVICE_LAST_WORDS"  # of a worker whose predecessor was killed: what is said of that


def words_of(error: BaseException) -> str:
    """Return the first line of an error, without paths of this machine: /readyz asks for no key.

    Of a model, the whole detail helps and is about that file alone; else callers are told what they always are.
    """
    if isinstance(error, ServiceError):
        words = error.detail if isinstance(error, ModelUnavailable) else error.public
        return cut(without_paths(words), LONGEST)
    first = str(error).strip().partition("\n")[0]
    return cut(without_paths(f"{type(error).__name__}: {first}" if first else type(error).__name__), LONGEST)


def keep(settings: Settings, words: str) -> None:
    """Keep a worker's last words in the database, in place of earlier ones, if it can be opened."""
    try:
        with closing(Database(settings.database)) as database, database.writing() as session:
            session.merge(MarkRow(name=NAME, made_at=read_clock(session), value=words))
    except ServiceError as error:  # /readyz reports the database itself
        logger.warning("a worker's last words could not be kept: %s", error.detail)


def keep_for_killed(settings: Settings) -> None:
    """Keep the words of the process in whose place this one was started, if it was killed.

    Its supervisor doesn't, because it must not wait for the database.
    """
    if words := os.environ.pop(VARIABLE, ""):  # a process that begins anew must not find them again
        keep(settings, words)


def read(session: Session) -> str | None:
    """Return the last words of the worker that ended last; None if a worker has begun since then."""
    mark = session.get(MarkRow, NAME)
    return mark.value if mark else None


def drop(session: Session) -> None:
    """Drop the last words: a worker is alive."""
    session.execute(delete(MarkRow).where(MarkRow.name == NAME))
