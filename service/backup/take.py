"""A backup, while the service runs or not.

There are passes without a lock, each of which copies the database and the blobs that are new in it, so each has less
to do. The last pass keeps writers of the database waiting. A blob is written before the row that names it and removed
after the row is gone, so no blob that the last copy names can vanish meanwhile. Checkpoints and previews of running
jobs are overwritten, so they are opened in the last pass and copied after it: none is older than its row says, and
nobody waits for them.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service import __version__
from service.backup.archive import BLOBS, DATABASE, OVERHEAD, ArchiveWriter, Manifest
from service.backup.data_paths import DataPaths, sync, work_folder
from service.backup.named_blobs import NamedBlob, named_blobs
from service.backup.room import Room
from service.errors import InvalidInput, StorageError
from service.jobs import removal
from service.jobs.attempts import give_back_all
from service.jobs.expiry import batch_has_expired, has_expired
from service.machine.memory import MIB
from service.storage import identity
from service.storage.database import BUSY_TIMEOUT_S, Database
from service.storage.disks import check_database_file
from service.storage.migrations.upgrade import HEAD
from service.storage.preset_schema import PresetVersionRow
from service.storage.quota import reserved_bytes
from service.storage.schema import BatchRow, JobRow, WorkerRow
from service.styles import preset_versions

PRIVATE = os.O_CREAT | os.O_EXCL | os.O_WRONLY  # with mode 0600: the database holds the secret of webhooks
PASSES = 5  # without the lock, at most
AT_ONCE = 1000  # expired jobs that are removed at a time
FEW = 16 * MIB  # bytes of a pass after which the last one comes: it has about as much to copy


@dataclass(frozen=True)
class Taken:
    """What a backup holds; `missing` are blobs that rows need and that the service itself lacks."""

    manifest: Manifest
    missing: Sequence[str]


def take_backup(places: DataPaths, retention_s: float, file: Path) -> Taken:
    """Write a backup into a new file, whole or not at all. What has expired is left out.

    Raises:
        Unavailable: there is no database, or another backup is written to this file.
        InvalidInput: the file exists.
        NoSpace: there is no room for it beside what stays for the service.
        StorageError: something can't be read or written.
    """
    check_database_file(places.database)
    try:
        _check_new(file)
        with work_folder(file.with_name(f"{file.name}.partial")) as folder:
            unfinished = folder / "backup.tar"
            with os.fdopen(os.open(unfinished, PRIVATE, 0o600), "wb") as out:
                taken = _Backup(places, folder, out).take(retention_s)
            sync(unfinished)
            _check_new(file)
            unfinished.rename(file)
            sync(file.parent)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"the backup {file} could not be written: {error}") from error
    return taken


class _Backup:
    """A backup that is being written into the file `out`, with copies of the database in a folder beside it."""

    def __init__(self, places: DataPaths, folder: Path, out: IO[bytes]) -> None:
        self._places = places
        self._copy = folder / DATABASE
        self._room = Room(places, folder.absolute().parent)
        self._archive = ArchiveWriter(out, self._room.check)

    def take(self, retention_s: float) -> Taken:
        for _ in range(PASSES):
            with self._copied_database() as copy:
                added = self._add_blobs(self._lacking(copy))
            if added <= FEW:
                break
        with ExitStack() as stack:
            with self._writers_waiting(), self._copied_database() as copy:
                lacking = self._lacking(copy)
                self._add_blobs(lacking)
                overwritten = self._opened_overwritten(lacking, stack)
            for name, file in overwritten.items():
                self._archive.add(name, file)
        with closing(self._opened_copy()) as copy:
            _settle(copy, retention_s)
            names, missing, tie = self._names(copy)
        compacted = self._compacted()
        self._archive.add_bytes(f"{BLOBS}{identity.KEY}", tie.encode())
        with compacted.open("rb") as database:
            self._archive.add(DATABASE, database)
        names |= {f"{BLOBS}{identity.KEY}", DATABASE}
        files = {name: digest for name, digest in self._archive.added.items() if name in names}
        manifest = Manifest(__version__, HEAD, time.time(), files)
        self._archive.finish(manifest)
        return Taken(manifest, missing)

    @contextmanager
    def _copied_database(self) -> Iterator[Database]:
        """Copy the database as it is now, and open the copy."""
        for left in self._copy.parent.glob(f"{self._copy.name}*"):
            left.unlink()
        self._room.check(_size(self._places.database))
        _make(self._copy)
        with closing(self._connected()) as source, closing(sqlite3.connect(self._copy)) as target:
            source.backup(target)
        with closing(self._opened_copy()) as copy:
            yield copy

    def _opened_copy(self) -> Database:
        return Database(f"sqlite:///{quote(str(self._copy.absolute()))}")

    @contextmanager
    def _writers_waiting(self) -> Iterator[None]:
        """Let nobody write to the service's database."""
        with closing(self._connected()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    def _connected(self) -> sqlite3.Connection:
        """Connect to the service's database, which must exist."""
        place = f"{self._places.database.as_uri()}?mode=rw"
        return sqlite3.connect(place, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)

    def _add_blobs(self, blobs: Iterable[NamedBlob]) -> int:
        """Add those of the blobs that exist and that nobody overwrites; return their bytes."""
        size = 0
        for blob in blobs:
            if not blob.is_overwritten:
                with suppress(FileNotFoundError), (self._places.blobs / blob.key).open("rb") as file:
                    size += self._archive.add(f"{BLOBS}{blob.key}", file)
        return size

    def _opened_overwritten(self, blobs: Iterable[NamedBlob], stack: ExitStack) -> dict[str, IO[bytes]]:
        """Open those of the blobs that are overwritten: name in the archive -> file, which stays as it is now.

        A newer blob gets the name, and the open file keeps its bytes.
        """
        opened = dict[str, IO[bytes]]()
        for blob in blobs:
            if blob.is_overwritten:
                with suppress(FileNotFoundError):
                    opened[f"{BLOBS}{blob.key}"] = stack.enter_context((self._places.blobs / blob.key).open("rb"))
        return opened

    def _lacking(self, copy: Database) -> list[NamedBlob]:
        """Return the blobs that the copy names, that the archive lacks and that exist.

        Raises NoSpace if there is no room for them all, and for another copy of the database.
        """
        lacking, size = dict[str, NamedBlob](), 0
        with copy.reading() as session:
            self._room.reserved = reserved_bytes(session)
            for blob in named_blobs(session):
                if f"{BLOBS}{blob.key}" not in self._archive.added and blob.key not in lacking:
                    with suppress(FileNotFoundError):
                        size += (self._places.blobs / blob.key).stat().st_size + OVERHEAD
                        lacking[blob.key] = blob
        self._room.check(size + _size(self._copy))
        return list(lacking.values())

    def _names(self, copy: Database) -> tuple[set[str], list[str], str]:
        """Return the copy's blobs: names in the archive, keys that it lacks, and the text of the blob store's id.

        A key that it lacks is named only if something needs the blob. The text is empty where the copy has no id.
        """
        names, missing = set[str](), set[str]()
        with copy.reading() as session:
            known = identity.of_database(session)
            for blob in named_blobs(session):
                if (name := f"{BLOBS}{blob.key}") in self._archive.added:
                    names.add(name)
                elif blob.needed:
                    missing.add(blob.key)
        return names, sorted(missing), known.text() if known else ""

    def _compacted(self) -> Path:
        """Bring all of the copy into one file, without what is left in it of removed rows and secrets; return it.

        It takes the copy's place, and no room on another disk, as VACUUM alone would.
        """
        compacted = self._copy.with_suffix(".compacted")
        _make(compacted)
        with closing(sqlite3.connect(self._copy)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("VACUUM INTO ?", (str(compacted),))
        self._copy.unlink()
        return compacted


def _settle(copy: Database, retention_s: float) -> None:
    """Bring a copy of the database into the state of a stopped service.

    What has expired is removed, and so are the workers; their jobs wait in the queue.
    """
    with copy.writing() as session:
        _expire(session, retention_s)
        session.execute(delete(PresetVersionRow).where(preset_versions.has_expired(retention_s)))
        give_back_all(session)
        session.execute(delete(WorkerRow))


def _expire(session: Session, retention_s: float) -> None:
    """Remove the jobs and batches that have expired, as the sweep does; webhooks that waited for them stay."""
    jobs = session.scalars(select(JobRow.id).where(has_expired(retention_s)))
    batches = session.scalars(select(BatchRow.id).where(batch_has_expired(retention_s)))
    expired = sorted({*jobs, *batches})
    for i in range(0, len(expired), AT_ONCE):
        removal.expire(session, expired[i : i + AT_ONCE])


def _make(file: Path) -> None:
    """Make an empty file that nobody else may read, which SQLite then fills."""
    os.close(os.open(file, PRIVATE, 0o600))


def _size(database: Path) -> int:
    """Return the bytes of an SQLite file with its write-ahead log."""
    size = database.stat().st_size
    with suppress(FileNotFoundError):
        size += database.with_name(f"{database.name}-wal").stat().st_size
    return size


def _check_new(file: Path) -> None:
    if file.exists():
        raise InvalidInput.field("FILE", f"{file} exists, and is not overwritten")
