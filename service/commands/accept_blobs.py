"""python -m service accept-blobs: an operator confirms that database and blob store belong together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sqlalchemy.engine import make_url

from service.config import Settings
from service.machine.memory import MIB
from service.storage import identity
from service.storage.blobs import BlobInfo, Blobs
from service.storage.database import Database
from service.storage.disks import check_database
from service.worker.sweep_plan import make_plan, read_known


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do it; else it is only said what would be removed")


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    check_database(settings.database)  # no new one is made
    database = Database(settings.database)
    blobs = Blobs(settings.blob_url) if args.yes else identity.open_blobs(database, settings.blob_url)
    known = read_known(database, settings.retention)
    plan = make_plan(known, blobs, settings.gram_disk)
    shown = make_url(settings.database).render_as_string(hide_password=True)
    print(f"The database {shown} has {len(known.jobs)} jobs and {len(known.versions)} presets.")
    print(f"The files are in {settings.blob_url}.")
    print(f"{_counted(plan.orphans)} have no row in the database: the next sweep removes them for good.")
    if plan.young:
        print(f"{_counted(plan.young)} that are younger than an hour have none either: a later sweep removes them.")
    if not args.yes:
        print("Nothing was changed. Where that is right: python -m service accept-blobs --yes")
        return 1
    identity.accept(database, blobs)
    print("Accepted: from now on the two belong together.")
    return 0


def _counted(files: Sequence[BlobInfo]) -> str:
    return f"{len(files)} files ({sum(blob.size for blob in files) / MIB:.1f} MiB)"
