"""The way back from a backup: into a folder without data, all of it or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from service.backup.archive import BLOBS, DATABASE, ArchiveReader, Manifest, opened_archive
from service.backup.data_paths import DataPaths, sync, work_folder
from service.errors import InvalidInput, NoSpace, StorageError, Unavailable
from service.machine.folders import make_private
from service.machine.memory import MIB
from service.storage import blob_folders
from service.storage.disks import Disk
from service.storage.migrations.upgrade import REVISIONS
from service.storage.writable import BESIDE

PARTIAL = "restore.partial"  # folder of files that are not yet verified, in that of the blobs


def restore_backup(places: DataPaths, file: Path) -> Manifest:
    """Restore a backup; return what it holds. Nothing is put in its place before all of it is read and compared.

    Raises:
        InvalidInput: the file is no backup, or a damaged one, or of a later version.
        Unavailable: there is data already, perhaps of a service that runs.
        NoSpace: the backup doesn't fit.
        StorageError: something can't be read or written.
    """
    try:
        with opened_archive(file) as archive:
            _check_revision(archive.manifest)
            _check_empty(places)
            make_private(places.blobs)
            _restore(places, archive)
            return archive.manifest
    except OSError as error:
        raise StorageError(f"the backup {file} could not be restored: {error}") from error


def _restore(places: DataPaths, archive: ArchiveReader) -> None:
    with ExitStack() as stack:
        unverified = stack.enter_context(work_folder(places.blobs / PARTIAL))
        beside = stack.enter_context(work_folder(_beside(places)))
        _check_room([places.blobs, places.database.parent], archive.manifest)
        archive.extract(unverified)
        staged = Path(shutil.move(unverified / DATABASE, beside / DATABASE))  # perhaps onto another disk
        _check_empty(places)
        for folder in (unverified / BLOBS).iterdir():
            folder.rename(places.blobs / folder.name)
        os.sync()
        if places.database.exists():
            raise Unavailable(f"a service was started meanwhile: it has made {places.database}")
        staged.rename(places.database)
        sync(places.database.parent)


def _beside(places: DataPaths) -> Path:
    """Return the folder of the database that is not yet in its place."""
    return Path(f"{places.database}.{PARTIAL}")


def _check_empty(places: DataPaths) -> None:
    """Raise Unavailable if there is a database, even a part of one, or a blob."""
    databases = [Path(f"{places.database}{ending}") for ending in BESIDE]
    databases = [path for path in databases if path.exists()]
    folders = [places.blobs / name for name in blob_folders.ALL]
    folders = [folder for folder in folders if folder.is_dir() and any(folder.iterdir())]
    if folders and not databases and (_beside(places) / DATABASE).exists():
        raise Unavailable(
            f"there are the files of a restore, but no database: either it still runs, or it was ended between the "
            f"two. If none runs, remove {', '.join(map(str, folders))}, and restore again"
        )
    if found := databases + folders:
        raise Unavailable(
            f"there is data already, perhaps of a service that runs: {found[0]}. A backup is restored into an empty "
            "place only; stop the service, and move what is there away or name another place in NST_DATA"
        )


def _check_revision(manifest: Manifest) -> None:
    if manifest.revision not in REVISIONS:
        raise InvalidInput.field(
            "FILE", f"has a database of revision {manifest.revision}, which this version of the service doesn't know"
        )


def _check_room(folders: Sequence[Path], manifest: Manifest) -> None:
    for folder in folders:
        if (free := Disk(folder).free()) < manifest.size:
            raise NoSpace(f"the backup takes {manifest.size / MIB:.1f} MiB, and {folder} has {free / MIB:.1f} free")
