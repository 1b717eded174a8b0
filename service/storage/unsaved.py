"""Removal of files that no row names: written for one that was then not saved, or replaced by newer ones."""

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
    """Remove these folders if the block fails and it is certain that no row was written.

    Otherwise they stay, as a row must not lack its files; if there is no row, the sweep removes them.
    """
    try:
        yield
    except (ServiceError, UnreadableImage) as error:
        if not isinstance(error, DatabaseError) or error.undone:
            remove_unsaved(blobs, folders)
        raise


def remove_unsaved(blobs: Blobs, folders: Collection[str]) -> None:
    """Remove folders that no row will refer to; what can't be removed now is left to the sweep."""
    for folder in folders:
        try:
            blobs.delete_all(folder)
        except StorageError as error:
            logger.warning("%s stays until it is swept up: %s", folder, error.detail)


def try_to_delete(blobs: Blobs, key: str) -> None:
    """Remove a file that nothing needs any more; one that can't be removed now is left to the sweep."""
    try:
        blobs.delete(key)
    except StorageError as error:
        logger.warning("%s stays until it is swept up: %s", key, error.detail)
