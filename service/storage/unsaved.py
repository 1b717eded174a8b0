"""Files that were written for a row which then didn't come about."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from service.errors import DatabaseError, ServiceError, StorageError
from service.pictures.images import UnreadableImage
from service.storage.blobs import Blobs

logger = logging.getLogger(__name__)


@contextmanager
def removed_if_undone(blobs: Blobs, folders: Collection[str]) -> Iterator[None]:
    """Removes these folders where what is done meanwhile fails, and it is certain that no row was written.

    Where that isn't known they stay, as a row must not lack its files: if there is none, the sweep takes them.
    """
    try:
        yield
    except (ServiceError, UnreadableImage) as error:
        if not isinstance(error, DatabaseError) or error.undone:
            remove_unsaved(blobs, folders)
        raise


def remove_unsaved(blobs: Blobs, folders: Collection[str]) -> None:
    """Removes folders that no row will speak of; what can't be removed now is left to the sweep."""
    for folder in folders:
        try:
            blobs.delete_all(folder)
        except StorageError as error:
            logger.warning("%s stays until it is swept up: %s", folder, error.detail)
