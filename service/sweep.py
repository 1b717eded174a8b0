"""Removes what nothing refers to any more, and keeps the Gram blobs under their limit."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from sqlalchemy import select

from service.jobs import request
from service.jobs.queue import ENDED
from service.storage.blobs import BlobInfo, Blobs
from service.storage.database import Database
from service.storage.schema import JobRow, PresetRow
from service.styles import cache, presets

logger = logging.getLogger(__name__)

GRACE_S = 3600  # files are written before the row that names them: younger ones may still get theirs


def sweep(database: Database, blobs: Blobs, gram_bytes: int) -> None:
    """Removes files of deleted jobs, of presets that no unfinished job needs, and the oldest Grams past the limit."""
    doomed = _unreferenced(blobs.listing(request.FOLDER), _job_ids(database))
    doomed += _unreferenced(blobs.listing(presets.FOLDER), _versions(database))
    doomed += _oldest(blobs.listing(cache.FOLDER), gram_bytes)
    for blob in doomed:
        blobs.delete(blob.key)
    blobs.remove_unfinished(time.time() - GRACE_S)
    if doomed:
        logger.info("swept up %d files that nothing needs", len(doomed))


def _unreferenced(found: Iterable[BlobInfo], owners: set[str]) -> list[BlobInfo]:
    """Blobs `folder/owner/…` of an owner that isn't there, past their grace."""
    old = time.time() - GRACE_S
    return [blob for blob in found if blob.modified < old and blob.key.split("/")[1] not in owners]


def _oldest(found: Iterable[BlobInfo], limit: int) -> list[BlobInfo]:
    """The blobs written longest ago, as many as it takes to bring the rest under `limit` bytes."""
    kept, doomed = 0, []
    for blob in sorted(found, key=lambda blob: -blob.modified):
        kept += blob.size
        if kept > limit:
            doomed.append(blob)
    return doomed


def _job_ids(database: Database) -> set[str]:
    with database.reading() as session:
        return set(session.scalars(select(JobRow.id)))


def _versions(database: Database) -> set[str]:
    """Preset versions that a preset, or a job that hasn't ended, refers to."""
    with database.reading() as session:
        versions = set(session.scalars(select(PresetRow.version)))
        for asked in session.scalars(select(JobRow.request).where(JobRow.status.not_in(ENDED))):
            blobs = (image["blob"] for style in asked["styles"] for image in style["images"])
            versions |= {blob.split("/")[1] for blob in blobs if blob.startswith(f"{presets.FOLDER}/")}
    return versions
