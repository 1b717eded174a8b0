"""The sweep: remove expired jobs and files that nothing refers to, and keep the Grams under their limit.

Files are removed before rows, so that the sweep works on a full disk, where no row can be removed before there is
room. Callers don't see these jobs any more: they have expired (service.jobs.expiry) or were deleted.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import delete, select

from service.errors import StorageError
from service.jobs import batch_course, idempotency, outbox, queue, removal
from service.storage import identity, quota
from service.storage.blob_folders import JOBS, folder_of
from service.storage.blobs import BlobInfo, Blobs
from service.storage.database import Database, advisory_lock, read_clock
from service.storage.kinds import LEARN, WARM
from service.storage.left import count_no_longer, forget_old_left
from service.storage.records import ENDED
from service.storage.schema import CallerRow, JobRow
from service.storage.tenant_amounts import SUBMIT_LOCK
from service.styles import gram_keys, preset_versions
from service.styles.preset_tasks import named_tasks
from service.tenants import keys
from service.tenants.removal import finish_removals
from service.worker.sweep_plan import GRACE_S, make_plan, owner_id, read_known

logger = logging.getLogger(__name__)

BATCH = 1000  # jobs that are removed at a time
MENDED = 50  # batches that earlier versions ended and that one sweep mends: it reads all of their jobs
REMOVAL_S = 20.0  # seconds that a sweep removes files, and as many for tenants: its worker claims no job meanwhile


def sweep(database: Database, blobs: Blobs, gram_bytes: int, retention_s: float, shortage: int = 0) -> bool:
    """Remove what expired, the files of what was deleted, and the oldest Grams; cancel nameless tasks.

    Jobs expire, and former states of presets. Return whether time was up and another sweep can remove more at once.

    If the files seem to belong to another database, this is logged and nothing is removed. Grams can be made again,
    so they are also removed if the blobs' disk lacks `shortage` bytes. A file that can't be removed doesn't stop the
    others: the record of its folder stays, and the next sweep tries again.

    Raises:
        StorageError: rows or files can't be read.
    """
    known = read_known(database, retention_s)
    plan = make_plan(known, blobs, gram_bytes, shortage)
    if reason := identity.tie(database, blobs, plan.fit) or plan.doubt:
        logger.error("nothing is swept up: %s; %s", reason, identity.ADVICE)
        return False
    stuck, later = _remove(blobs, plan.doomed)
    blobs.remove_unfinished(time.time() - GRACE_S)
    with suppress(StorageError):  # the next sweep tries again
        blobs.remove_probes(time.time() - GRACE_S)
    left = [*stuck, *later]
    if len(plan.doomed) > len(left):
        logger.info("swept up %d files that nothing needs", len(plan.doomed) - len(left))
    holding = {owner_id(blob.key) for blob in left}
    expired = known.expired - holding - {owner_id(key) for key in known.named if key.startswith(f"{JOBS}/")}
    held = {folder_of(blob.key) for blob in left} | {gram_keys.prefix_in(blob.key) for blob in left}
    preset_versions.forget_expired(database, retention_s)  # what they left counts no longer where it is removed
    tidy = {id for id, status in known.jobs.items() if status in ENDED} - holding
    _forget(database, sorted(expired), plan.done - held, tidy, retention_s)
    if known.accepted and not later:
        identity.end_acceptance(database)
    all_removed = finish_removals(database, blobs, REMOVAL_S)
    _end_nameless_tasks(database)
    with suppress(StorageError):  # a count that is too low does no harm
        identity.count_sweep(database, blobs)
    return not all_removed or bool(later and len(plan.doomed) - len(left) > len(stuck))


def _remove(blobs: Blobs, doomed: Sequence[BlobInfo]) -> tuple[list[BlobInfo], deque[BlobInfo]]:
    """Remove files for REMOVAL_S; return those that can't be removed, and those that there was no time for."""
    later, stuck, reason = deque(doomed), list[BlobInfo](), ""
    end = time.monotonic() + REMOVAL_S
    while later and time.monotonic() < end:
        blob = later.popleft()
        try:
            blobs.delete(blob.key)
        except StorageError as error:
            stuck.append(blob)
            reason = error.detail
    if stuck:
        logger.error("%d files can't be swept up, the next sweep tries again: %s", len(stuck), reason)
    if later:
        logger.warning("%d files wait for the next sweep: their removal takes long", len(later))
    return stuck, later


def _forget(database: Database, expired: Sequence[str], left: set[str], tidy: set[str], retention_s: float) -> None:
    """Remove the rows of jobs whose files are gone, of old keys and webhooks, and of callers without jobs.

    `left` are recorded folders that are empty now. The jobs `tidy` had ended when the plan was made, and have no more
    files that are to be removed.
    """
    lost = 0
    for i in range(0, len(expired), BATCH):
        with database.writing() as session:
            lost += removal.expire(session, expired[i : i + BATCH])
    if lost:
        logger.warning("%d pictures could not be delivered before their transfers expired", lost)
    with database.writing() as session:
        advisory_lock(session, SUBMIT_LOCK)  # a new job comes with its caller's row
        batch_course.mend_ended(session, MENDED)
        count_no_longer(session, left)
        forget_old_left(session, left, read_clock(session) - GRACE_S)  # a younger one may precede its files
        quota.give_back_of_ended(session, tidy)
        idempotency.forget_old(session)
        outbox.forget_old(session, retention_s)
        keys.forget_ended(session)
        session.execute(delete(CallerRow).where(CallerRow.owner.not_in(select(JobRow.owner))))


def _end_nameless_tasks(database: Database) -> None:
    """Cancel warmings and learnings that no preset names: earlier versions left some."""
    open_tasks = select(JobRow.id).where(JobRow.kind.in_((WARM, LEARN)), JobRow.status.not_in(ENDED))
    with database.reading() as session:
        tasks = set(session.scalars(open_tasks))  # before the names: a task comes in one transaction with its own
        nameless = tasks - named_tasks(session)
    if nameless:
        with database.writing() as session:
            queue.cancel(session, nameless)
        logger.warning("canceled %d tasks that no preset names", len(nameless))
