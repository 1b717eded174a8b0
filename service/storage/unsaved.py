"""Removal of files that no row names: written for one that was then not saved, or replaced by newer ones."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from service.errors import DatabaseError, ServiceError, StorageError
from service.pictures.images import UnreadableImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.left import note

logger = logging.getLogger(__name__)

REMOVAL_S = 2.0  # seconds that a request spends on removing folders; the sweep removes the others
FEW = 8  # files for which no note is made, because it costs a transaction


def note_unsaved(database: Database, folders: Collection[str], files: int) -> None:
    """Note folders before so many files are written to them, if they aren't few; they have no row yet.

    If the process is killed, the sweep knows these files. Whoever writes the row takes the note back in its
    transaction (`left.forget_left`).
    """
    if files > FEW:
        with database.writing() as session:
            note(session, folders)


@contextmanager
def removed_if_undone(blobs: Blobs, folders: Collection[str]) -> Iterator[None]:
    """Remove these folders if the block fails and it is certain that no row was written.

    Otherwise they stay, as a row must not lack its files; if there is no row, the sweep removes them.
    """
    try:
        yield
    except (ServiceError, UnreadableImage) as error:
        if not isinstance(error, DatabaseError) or error.undone:
            remove_unsaved(blobs, folders, REMOVAL_S)
        raise


def remove_unsaved(blobs: Blobs, folders: Collection[str], seconds: float = math.inf) -> list[str]:
    """Remove folders that no row will refer to; return those that were removed.

    What can't be removed, or isn't begun within `seconds`, is left to the sweep.
    """
    end, removed = time.monotonic() + seconds, []
    for i, folder in enumerate(folders):
        if time.monotonic() >= end:
            logger.info("%d folders stay until they are swept up: their removal takes long", len(folders) - i)
            break
        try:
            blobs.delete_all(folder)
            removed.append(folder)
        except StorageError as error:
            logger.warning("%s stays until it is swept up: %s", folder, error.detail)
    return removed


def try_to_delete(blobs: Blobs, key: str) -> None:
    """Remove a file that nothing needs any more; one that can't be removed now is left to the sweep."""
    try:
        blobs.delete(key)
    except StorageError as error:
        logger.warning("%s stays until it is swept up: %s", key, error.detail)
