"""The removal of a tenant: all of its rows and files, some at a time, so that others can work meanwhile.

First the tenant is marked and its keys are removed, so that nothing new comes. A removal that was interrupted goes on
when it is asked for again, or with the next sweep.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.errors import Forbidden, NotFound
from service.jobs import removal, request
from service.machine.bells import ROWS, ring
from service.storage.blob_folders import GRAMS
from service.storage.blobs import Blobs
from service.storage.database import Database, advisory_lock, read_clock
from service.storage.gram_removals import mark_removal
from service.storage.left import Left, count_none_of, leave, note
from service.storage.preset_schema import PresetRow, PresetVersionRow
from service.storage.records import ENDED
from service.storage.schema import DEFAULT_TENANT, REQUESTS_AT_ONCE, BatchRow, CallerRow, DeliveryRow, JobRow
from service.storage.stored_files import digests_of
from service.storage.style_uses import forget_others, forget_uses, note_uses, noted_images
from service.storage.tenant_amounts import SUBMIT_LOCK
from service.storage.tenant_schema import KeyRow, StyleUseRow, TenantRow, UsageRow
from service.storage.unsaved import remove_unsaved
from service.styles import gram_keys, preset_versions
from service.styles.preset_files import preset_folders
from service.tenants import keys, tenants
from service.tenants.callers import owner_of
from service.tenants.keys import OPERATOR, Maker

logger = logging.getLogger(__name__)

BATCH = 200  # jobs or presets of a transaction
KINDS = ("keys", "jobs", "batches", "presets", "versions", "painters", "grams", "webhooks", "usage", "bytes")
STATES = (PresetRow, PresetVersionRow)  # a preset that is deleted moves from the first table to the second

State = TypeVar("State", PresetRow, PresetVersionRow)


@dataclass(frozen=True)
class Removed:
    """What was removed: how many of each of KINDS; `complete` unless time was up.

    `usage` counts days, and `bytes` what jobs, batches and presets counted as stored.
    """

    counts: dict[str, int]
    complete: bool


class _Gone(Exception):
    """Nothing is left of the tenant, and there may be another one of its name: another process ended the removal."""


def remove_tenant(
    database: Database, blobs: Blobs, name: str, seconds: float = math.inf, maker: Maker = OPERATOR
) -> Removed:
    """Remove a tenant with all that is its own, as far as `seconds` suffice; to ask again goes on.

    Files whose rows are gone by then are noted, and left to the sweep.

    Raises:
        NotFound: there is no such tenant, and nothing is left of one.
        Forbidden: it is the default tenant.
        Unauthorized: the key of the maker, who removes it, has ended.
        StorageError
    """
    if name == DEFAULT_TENANT:
        raise Forbidden(f"the tenant {name!r} can't be removed: it has the presets of the service")
    with database.reading() as session:
        row = session.get(TenantRow, name)
        if row is None or (row.removed_at is not None and not tenants.has_rows(session, name)):
            raise NotFound(f"there is no tenant {name!r}")
    return _remove(database, blobs, row, seconds, maker)


def _remove(database: Database, blobs: Blobs, row: TenantRow, seconds: float, maker: Maker = OPERATOR) -> Removed:
    found = _Removal(database, blobs, row.name, row.created_at, time.monotonic() + seconds).run(maker)
    logger.info("tenant %s: removed %s%s", row.name, found.counts, "" if found.complete else "; more is left")
    return found


def finish_removals(database: Database, blobs: Blobs, seconds: float = math.inf) -> bool:
    """Remove what is left of tenants whose removal was interrupted, and forget those that are gone for long.

    Which pictures a tenant has used is forgotten when none of their Gram matrices are cached any more. Return False
    if `seconds` did not suffice for all of the tenants; to call it again goes on.

    Raises StorageError.
    """
    removed = select(TenantRow).where(TenantRow.removed_at.is_not(None))
    with database.reading() as session:
        gone = session.scalars(removed).all()
        left = [row for row in gone if tenants.has_rows(session, row.name)]
    end = time.monotonic() + seconds
    complete = [_remove(database, blobs, row, end - time.monotonic()).complete for row in left]
    if gone:
        with database.writing() as session:
            tenants.forget_removed(session)
    with database.reading() as session:
        if session.scalar(select(StyleUseRow.image).limit(1)) is None:
            return all(complete)
    cached = {gram_keys.prefix_in(blob.key) for blob in blobs.listing(GRAMS)}
    with database.writing() as session:
        forget_others(session, lambda image: gram_keys.image_prefix(image) in cached)
    return all(complete)


@dataclass
class _Removal:
    """The removal of the tenant that was made at `since`: others may end it at any time, and use its name again."""

    database: Database
    blobs: Blobs
    name: str
    since: float
    until: float  # monotonic time
    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(KINDS, 0)))

    @property
    def _seconds_left(self) -> float:
        return max(0.0, self.until - time.monotonic())

    def run(self, maker: Maker) -> Removed:
        try:
            self._close(maker)
            complete = self._remove_rows()
        except _Gone:
            complete = True
        return Removed(dict(self.counts), complete)

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """Begin a transaction that removes what the name has. Raises _Gone if the name isn't this tenant's any more.

        Nobody makes a tenant until it ends, so keep it short.
        """
        with self.database.writing() as session:
            advisory_lock(session, tenants.LOCK)
            row = session.get(TenantRow, self.name)
            if row is None or row.created_at != self.since:
                raise _Gone
            yield session

    def _remove_rows(self) -> bool:
        """Remove all that the tenant has. Return False if time is up."""
        complete = self._remove_jobs() and self._remove_batches() and self._remove_presets() and self._remove_grams()
        if complete:
            with self._writing() as session:
                session.execute(delete(DeliveryRow).where(DeliveryRow.tenant == self.name))
                session.execute(delete(CallerRow).where(CallerRow.owner == owner_of(self.name)))
                count_none_of(session, self.name)
                days = delete(UsageRow).where(UsageRow.tenant == self.name).returning(UsageRow.day)
                self.counts["usage"] += len(session.scalars(days).all())
        else:
            with self.database.reading() as session:
                self.counts["webhooks"] = max(0, self.counts["webhooks"] - self._webhooks(session))
        return complete

    def _webhooks(self, session: Session) -> int:
        theirs = select(func.count()).where(DeliveryRow.tenant == self.name)
        return session.scalar(theirs) or 0

    def _close(self, maker: Maker) -> None:
        """Mark the tenant and remove its keys. Whoever adds a job or a preset sees the mark from now on.

        Raises Unauthorized if the maker's own key has ended.
        """
        with self._writing() as session:
            advisory_lock(session, keys.LOCK)
            advisory_lock(session, preset_versions.LOCK)  # before that of jobs, as a PUT of a preset does
            advisory_lock(session, SUBMIT_LOCK)
            maker.own_end(session)
            row = session.get_one(TenantRow, self.name)
            row.removed_at = row.removed_at or read_clock(session)
            ended = session.scalars(delete(KeyRow).where(KeyRow.tenant == self.name).returning(KeyRow.id))
            self.counts["keys"] += len(ended.all())
            self.counts["webhooks"] += self._webhooks(session)  # most go with their jobs
            if keys.asks_for_key(session):  # else none is asked for after it either
                keys.change_version(session)

    def _remove_jobs(self) -> bool:
        """Remove the jobs with their files; a worker that has one loses it. Return False if time is up."""
        while True:
            mine = select(JobRow.id).where(JobRow.tenant == self.name)
            with self.database.reading() as session:
                jobs = session.scalars(mine.order_by(JobRow.number).limit(BATCH)).all()
            if not jobs or not self._seconds_left:
                return not jobs
            folders = [request.job_folder(id) for id in jobs]
            taken = select(func.sum(JobRow.bytes - JobRow.reserved)).where(JobRow.id.in_(jobs))
            with self._writing() as session:
                self.counts["bytes"] += int(session.scalar(taken) or 0)
                self.counts["jobs"] += len(removal.remove(session, jobs))
                leave(session, [Left(folder, self.name) for folder in folders])
            ring(ROWS)
            remove_unsaved(self.blobs, folders, self._seconds_left)

    def _remove_batches(self) -> bool:
        """Remove the batches, whose jobs are gone, with the files that those shared. Return False if time is up."""
        while True:
            mine = select(BatchRow.id).where(BatchRow.tenant == self.name).limit(BATCH)
            with self.database.reading() as session:
                ids = session.scalars(mine).all()
            if not ids or not self._seconds_left:
                return not ids
            folders = [request.job_folder(id) for id in ids]
            taken = select(func.sum(BatchRow.bytes)).where(BatchRow.id.in_(ids))
            with self._writing() as session:
                self.counts["bytes"] += int(session.scalar(taken) or 0)
                removal.remove(session, ids)
                self.counts["batches"] += len(ids)
                leave(session, [Left(folder, self.name) for folder in folders])
            remove_unsaved(self.blobs, folders, self._seconds_left)

    def _remove_presets(self) -> bool:
        """Remove the presets and their former states, with files and painters. Return False if time is up."""
        return self._remove_states(PresetRow, "presets") and self._remove_states(PresetVersionRow, "versions")

    def _remove_states(self, table: type[State], kind: str) -> bool:
        while True:
            mine = select(table).where(table.tenant == self.name).limit(BATCH)
            with self.database.reading() as session:
                rows = session.scalars(mine).all()
            if not rows or not self._seconds_left:
                return not rows
            folders = [folder for row in rows for folder in preset_folders(row)]
            with self._writing() as session:
                self.counts["painters"] += sum(row.painter is not None for row in rows)
                read = (table.tenant == self.name, table.version.in_([row.version for row in rows]))
                gone = session.scalars(delete(table).where(*read).returning(table.bytes)).all()
                self.counts[kind] += len(gone)
                self.counts["bytes"] += sum(gone)
                note_uses(session, {(self.name, image) for row in rows for image in digests_of(row.images)})
                leave(session, [Left(folder, self.name) for folder in folders])
            remove_unsaved(self.blobs, folders, self._seconds_left)

    def _remove_grams(self) -> bool:
        """Remove the Gram matrices of all pictures that were noted as rows went. Return False if time is up."""
        while True:
            with self.database.reading() as session:
                images = noted_images(session, self.name, BATCH)
            if not images or not self._seconds_left:
                return not images
            prefixes = self._own_grams(images)
            with self._writing() as session:
                note(session, prefixes)
                forget_uses(session, self.name, images)
                if prefixes:
                    mark_removal(session)
            for blob in (blob for prefix in prefixes for blob in self._grams.pop(prefix, ())):
                if not self._seconds_left:
                    break
                self.blobs.delete(blob)
                self.counts["grams"] += 1

    def _own_grams(self, images: Collection[str]) -> list[str]:
        """Return how the keys of the Gram matrices of pictures begin that no other tenant uses.

        They are noted as left too: a worker that has just lost a job may still store some.
        """
        return [gram_keys.image_prefix(image) for image in images if image not in self._used_by_others]

    @cached_property
    def _grams(self) -> dict[str, list[str]]:
        """The keys of all cached Gram matrices, by the prefix of their image."""
        found = defaultdict(list)
        for blob in self.blobs.listing(GRAMS):
            found[gram_keys.prefix_in(blob.key)].append(blob.key)
        return found

    @cached_property
    def _used_by_others(self) -> set[str]:
        """The SHA-256 of others' style images, also of former states, and of what their unfinished jobs use."""
        saved = [select(table.images).where(table.tenant != self.name) for table in STATES]
        unfinished = select(JobRow.request).where(JobRow.tenant != self.name, JobRow.status.not_in(ENDED))
        unfinished = unfinished.execution_options(yield_per=REQUESTS_AT_ONCE)
        with self.database.snapshot() as session:
            used = {image for query in saved for images in session.scalars(query) for image in digests_of(images)}
            return used | {image for stored in session.scalars(unfinished) for image in request.style_digests(stored)}
