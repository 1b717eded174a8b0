"""Removes what is older than it is to be kept and what nothing refers to, and keeps the Grams under their limit."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from sqlalchemy import delete, select

from service.jobs import deliveries, idempotency, queue, request
from service.storage.blobs import BlobInfo, Blobs
from service.storage.database import Database, now, take_turns
from service.storage.schema import ENDED, JobRow, PresetRow, TurnRow
from service.styles import cache, presets

logger = logging.getLogger(__name__)

BATCH = 1000  # jobs that are removed at a time
GRACE_S = 3600  # files are written before the row that names them: younger ones may still get theirs


def sweep(database: Database, blobs: Blobs, gram_bytes: int, retention_s: float) -> None:
    """Removes jobs that ended `retention_s` ago, what belonged to them and to deleted ones, and the oldest Grams."""
    for id in _forget(database, retention_s):
        blobs.delete_all(request.job_folder(id))
    jobs = _status_by_id(database)
    files = list(blobs.listing(request.FOLDER))
    doomed = _unreferenced(files, set(jobs))
    doomed += [blob for blob in files if _has_served(blob, jobs.get(_owner(blob)))]
    doomed += _unreferenced(blobs.listing(presets.FOLDER), _versions(database))
    doomed += _oldest(blobs.listing(cache.FOLDER), gram_bytes)
    for blob in doomed:
        blobs.delete(blob.key)
    blobs.remove_unfinished(time.time() - GRACE_S)
    if doomed:
        logger.info("swept up %d files that nothing needs", len(doomed))


def _forget(database: Database, retention_s: float) -> list[str]:
    """Removes the rows of jobs that are past their time, of keys, of webhooks, and of callers that have no job.

    Gives the jobs' ids.
    """
    old = select(JobRow.id).where(JobRow.status.in_(ENDED), JobRow.finished_at < now() - retention_s)
    with database.writing() as session:
        take_turns(session, queue.SUBMITTING)  # a new job comes with its caller's row
        removed = queue.remove(session, list(session.scalars(old.limit(BATCH))))
        idempotency.forget_old(session)
        deliveries.forget_old(session, retention_s)
        session.execute(delete(TurnRow).where(TurnRow.owner.not_in(select(JobRow.owner))))
    return removed


def _unreferenced(found: Iterable[BlobInfo], owners: set[str]) -> list[BlobInfo]:
    """Blobs `folder/owner/…` of an owner that isn't there, past their grace."""
    old = time.time() - GRACE_S
    return [blob for blob in found if blob.modified < old and _owner(blob) not in owners]


def _owner(blob: BlobInfo) -> str:
    return blob.key.split("/")[1]


def _has_served(blob: BlobInfo, status: str | None) -> bool:
    """Whether a job that ended so has no use for a file: its checkpoint, or pictures of a series that broke off."""
    name = blob.key.split("/")[2]
    if status not in ENDED:
        return False
    return name.startswith(request.CHECKPOINT) or (name.startswith(request.RESULT) and status != "succeeded")


def _oldest(found: Iterable[BlobInfo], limit: int) -> list[BlobInfo]:
    """The blobs written longest ago, as many as it takes to bring the rest under `limit` bytes."""
    kept, doomed = 0, []
    for blob in sorted(found, key=lambda blob: -blob.modified):
        kept += blob.size
        if kept > limit:
            doomed.append(blob)
    return doomed


def _status_by_id(database: Database) -> dict[str, str]:
    """Of every job."""
    with database.reading() as session:
        return {id: status for id, status in session.execute(select(JobRow.id, JobRow.status))}  # noqa: C416 - as in queue


def _versions(database: Database) -> set[str]:
    """Preset versions that a preset, or a job that hasn't ended, refers to."""
    with database.reading() as session:
        versions = set(session.scalars(select(PresetRow.version)))
        for asked in session.scalars(select(JobRow.request).where(JobRow.status.not_in(ENDED))):
            named = request.blobs(asked)
            versions |= {blob.split("/")[1] for blob in named if blob.startswith(f"{presets.FOLDER}/")}
    return versions
