"""The plan of a sweep: what the rows need of the files, and which files can go."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from service.jobs import request
from service.jobs.expiry import batch_has_expired, has_expired
from service.jobs.tasks import followed_id
from service.storage import identity
from service.storage.blob_folders import GRAMS, JOBS, PAINTERS, STYLES, WITH_ROWS, folder_of
from service.storage.blobs import BlobInfo, Blobs
from service.storage.database import Database, Transaction
from service.storage.kinds import JUDGE
from service.storage.left import left_folders, removed_folders
from service.storage.preset_schema import PresetRow, PresetVersionRow
from service.storage.records import ENDED
from service.storage.schema import BatchRow, JobRow
from service.styles import gram_keys, preset_files, preset_versions

ROWS_AT_ONCE = 50  # that are read, as a job's request may have 256 KiB
GRACE_S = 3600  # seconds: files are written before their row, so younger ones may still get it if it wasn't removed
MANY = 20  # files without a row that are always tolerated
SHARE = 0.9  # share of all files that may lack a row, if there are more than MANY
STRICT_SHARE = 0.5  # share of a folder's files that may lack a row, if database and files are new to each other


@dataclass(frozen=True)
class Known:
    """The facts of the rows: each job's status, the expired jobs, the preset versions and painters that are needed.

    Batches count as jobs.

    Attributes:
        pictures: the files of the pictures that series had finished when they failed or were canceled.
        painters: the ids of their folders: of the jobs that made them, of their presets' versions, or their own.
        named: the files outside their own folders that unfinished jobs refer to.
        left: folders that have no row on purpose, or that of an expired state of a preset.
        removed: those of them that surely get no row any more.
        accepted: whether an operator allows all files without a row to be removed.
    """

    jobs: dict[str, str]
    pictures: set[str]
    expired: set[str]
    versions: set[str]
    painters: set[str]
    named: set[str]
    left: set[str]
    removed: set[str]
    accepted: bool

    def needs(self, blob: BlobInfo) -> bool:
        """Return whether there is a row for a file or its folder."""
        owners = {JOBS: self.jobs, STYLES: self.versions, PAINTERS: self.painters}
        return owner_id(blob.key) in owners[blob.key.split("/")[0]] or blob.key in self.named


@dataclass(frozen=True)
class Plan:
    """The plan of a sweep: what it would remove, and whether that can be right.

    Attributes:
        doomed: files to remove.
        orphans: the files without a row whose folder isn't in `left` either.
        young: files without a row, too young to remove: they may still get one.
        doubt: why so many orphans may mean a wrong database; empty if all is well.
        fit: how files and rows match, judged without an id.
        done: folders of `left` that are empty.
    """

    doomed: Sequence[BlobInfo]
    orphans: Sequence[BlobInfo]
    young: Sequence[BlobInfo]
    doubt: str
    fit: identity.Fit
    done: set[str]


def read_known(database: Database, retention_s: float) -> Known:
    """Read what the sweep must know of the rows, all at one moment. Raises DatabaseError."""
    expired = select(JobRow.id).where(has_expired(retention_s))
    batches = select(BatchRow.id).where(batch_has_expired(retention_s))
    with database.snapshot() as session:
        named = _named_files(session)
        presets = list(session.execute(select(PresetRow.version, PresetRow.painter)))
        former = select(PresetVersionRow.version, PresetVersionRow.painter).where(
            preset_versions.is_kept(retention_s)
        )
        presets += session.execute(former)
        painters = [painter for _, painter in presets if painter]
        over = session.scalars(select(PresetVersionRow).where(preset_versions.has_expired(retention_s)))
        return Known(
            jobs=_statuses(session),
            pictures={picture.blob for row in session.scalars(_broken_off()) for picture in row.finished_pictures},
            expired={*session.scalars(expired), *session.scalars(batches)},
            versions=_named(STYLES, (version for version, _ in presets), named),
            painters=_named(PAINTERS, (owner_id(painter.blob) for painter in painters), named),
            named=named,
            left=left_folders(session) | {folder for row in over for folder in preset_files.preset_folders(row)},
            removed=removed_folders(session),
            accepted=identity.is_accepted(session),
        )


def _statuses(session: Transaction) -> dict[str, str]:
    """Return the status of each job, and of each batch, whose folder has what its jobs share."""
    found = {id: status for id, status in session.execute(select(JobRow.id, JobRow.status))}  # noqa: C416 - as in queue
    batches = session.execute(select(BatchRow.id, BatchRow.finished_at))
    return found | {id: "running" if finished_at is None else "succeeded" for id, finished_at in batches}


def make_plan(known: Known, blobs: Blobs, gram_bytes: int, shortage: int = 0) -> Plan:
    """Compare all files with the rows; change nothing. Raises StorageError."""
    old = time.time() - GRACE_S
    by_folder = {folder: _owned(blobs.listing(folder)) for folder in WITH_ROWS}
    files = [blob for found in by_folder.values() for blob in found]
    rowless = [blob for blob in files if not known.needs(blob)]
    needless = [blob for blob in rowless if blob.modified < old or folder_of(blob.key) in known.removed]
    orphans = [blob for blob in needless if folder_of(blob.key) not in known.left]
    doomed = needless + [blob for blob in by_folder[JOBS] if _has_served(blob, known)]
    aged = {folder: [blob for blob in found if blob.modified < old] for folder, found in by_folder.items()}
    total = sum(map(len, aged.values()))
    strange = any(_are_many(_count(folder, orphans), len(found), STRICT_SHARE) for folder, found in aged.items())
    fitting = sum(known.needs(blob) for found in aged.values() for blob in found)
    gone = {blob.key for blob in doomed}
    kept = {folder_of(blob.key) for blob in files if blob.key not in gone}
    return Plan(
        doomed=doomed + _cached(known, blobs, by_folder[STYLES], gram_bytes, shortage),
        orphans=orphans,
        young=[
            blob
            for blob in files
            if not known.needs(blob) and blob.modified >= old and folder_of(blob.key) not in known.left
        ],
        doubt="" if known.accepted else _doubt(len(orphans), total),
        fit=identity.Fit(not strange and len(orphans) <= fitting, _count(STYLES, orphans)),
        done=known.left - kept,
    )


def _doubt(count: int, total: int) -> str:
    """Return why so many files without a row may mean a wrong database; empty if there are few."""
    if not _are_many(count, total, SHARE):
        return ""
    return f"{count} of {total} files have no row in the database, as if it were another one"


def _are_many(count: int, total: int, share: float) -> bool:
    return count > MANY and count > share * total


def _owned(found: Iterable[BlobInfo]) -> list[BlobInfo]:
    """Return the files in the folder of a job, a preset or a painter; other files aren't the service's."""
    return [blob for blob in found if blob.key.count("/") > 1]


def _count(folder: str, files: Sequence[BlobInfo]) -> int:
    return sum(blob.key.startswith(f"{folder}/") for blob in files)


def owner_id(key: str) -> str:
    """Return the id of the job, the preset's version or the painter that the file of this key belongs to."""
    return key.split("/")[1]


def _has_served(blob: BlobInfo, known: Known) -> bool:
    """Return whether no job needs a file of a job any longer.

    That is so if its job has expired, or if it has ended and the file is a checkpoint, a photograph to learn from, or
    a picture that it doesn't name; unless another job, which is unfinished, names the file.
    """
    name, owner = blob.key.split("/")[2], owner_id(blob.key)
    status = known.jobs.get(owner)
    if blob.key in known.named:
        return False
    if owner in known.expired:
        return True
    if status not in ENDED:
        return False
    is_lost = name.startswith(request.RESULT) and status != "succeeded" and blob.key not in known.pictures
    return is_lost or name.startswith(request.UNFINISHED)


def _cached(known: Known, blobs: Blobs, of_presets: Sequence[BlobInfo], limit: int, shortage: int) -> list[BlobInfo]:
    """Return the Gram matrices to remove: those of removed tenants, and the oldest, in packs of workers too."""
    grams = list(blobs.listing(GRAMS))
    left = [blob for blob in grams if gram_keys.prefix_in(blob.key) in known.left]
    files = {blob.key: blob for blob in of_presets if known.needs(blob)}
    digests = {pack: files[digest] for pack in files if (digest := preset_files.digest_key(pack)) in files}
    oldest = _oldest([*grams, *(files[pack] for pack in digests)], limit, shortage)
    return list({*left, *oldest, *(digests[blob.key] for blob in oldest if blob.key in digests)})


def _oldest(found: Iterable[BlobInfo], limit: int, shortage: int) -> list[BlobInfo]:
    """Return the oldest blobs: as many as must go to bring the rest under `limit` bytes and the disk to its floor."""
    newest_first = sorted(found, key=lambda blob: -blob.modified)
    limit = min(limit, sum(blob.size for blob in newest_first) - shortage) if shortage else limit
    kept, doomed = 0, []
    for blob in newest_first:
        kept += blob.size
        if kept > limit:
            doomed.append(blob)
    return doomed


def _broken_off() -> Select[JobRow]:
    """Return the query for the jobs that ended before they were done."""
    broken_off = select(JobRow).where(JobRow.status.in_(("failed", "canceled")), JobRow.checkpoint.is_not(None))
    return broken_off.execution_options(yield_per=ROWS_AT_ONCE)


def _named_files(session: Transaction) -> set[str]:
    """Return the keys of the files outside their own folders that unfinished jobs refer to.

    A judging goes with its transfer, so it has the folder of that.
    """
    unfinished = select(JobRow.id, JobRow.kind, JobRow.request).where(JobRow.status.not_in(ENDED))
    rows = session.execute(unfinished.execution_options(yield_per=ROWS_AT_ONCE))
    named = (
        (followed_id(row) if kind == JUDGE else id, blob) for id, kind, row in rows for blob in request.blobs(row)
    )
    return {blob for id, blob in named if folder_of(blob) not in ("", request.job_folder(id))}


def _named(folder: str, saved: Iterable[str], needed: Iterable[str]) -> set[str]:
    """Return the parts of a folder that a preset or an unfinished job refers to."""
    return {*saved, *(key.split("/")[1] for key in needed if key.startswith(f"{folder}/"))}
