"""Checks that database and blob store, and workers and model file, belong together. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from service.config import Settings
from service.doctor.report import FAILURE, OK, WARNING, Finding
from service.errors import DatabaseError
from service.jobs.registry import WorkerRegistry
from service.jobs.worker_models import model_notes
from service.storage import identity
from service.storage.blobs import Blobs
from service.storage.database import Database, stored_revision
from service.storage.disks import blobs_folder, database_file
from service.storage.migrations.upgrade import HEAD
from service.worker.sweep_plan import make_plan, read_known


def check_store(settings: Settings) -> Iterator[Finding]:
    """Check that the files in the blob store match the database's rows."""
    folder = blobs_folder(settings.blob_url)
    is_there = folder is None or folder.exists()
    if not is_current(settings):
        found = is_there and identity.holds_files(Blobs(settings.blob_url))
        text = "there are files, but no database of this version" if found else "nothing to look at"
        yield Finding(WARNING if found else OK, "store", text, identity.ADVICE if found else "")
        return
    with closing(Database(settings.database)) as database:
        if not is_there and not identity.has_store(database):
            yield Finding(OK, "store", f"{folder} isn't there yet: the first start makes it")
            return
        blobs = identity.open_blobs(database, settings.blob_url)
        plan = make_plan(read_known(database, settings.retention), blobs, settings.gram_disk)
        reason = identity.standing(database, blobs, plan.fit) or plan.doubt
    if reason:
        yield Finding(FAILURE, "store", f"nothing is swept up: {reason}", identity.ADVICE)
    else:
        yield Finding(OK, "store", f"database and blobs belong together; {len(plan.orphans)} old files have no row")


def opened_blobs(settings: Settings) -> Blobs:
    """Open the blob store as the service does, if there is a database of this version. Raises StorageError."""
    if not is_current(settings):
        return Blobs(settings.blob_url)
    with closing(Database(settings.database)) as database:
        return identity.open_blobs(database, settings.blob_url)


def check_models(settings: Settings) -> Iterator[Finding]:
    """Check that live workers compute with the model in the model file."""
    if not is_current(settings):
        return
    with closing(Database(settings.database)) as database:
        models = WorkerRegistry(database).models()
    for note in model_notes(settings.model, models):
        yield Finding(WARNING, "workers", note)


def is_current(settings: Settings) -> bool:
    """Return whether the database exists and has this version; others must not be touched."""
    file = database_file(settings.database)
    try:
        return (file is None or file.exists()) and stored_revision(settings.database) == HEAD
    except (DatabaseError, OSError):  # reported by another check
        return False
