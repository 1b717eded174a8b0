"""python -m service accept-blobs: an operator says that the database is the one that the blob store belongs to."""

from __future__ import annotations

import argparse

from service.config import Settings
from service.memory import MIB
from service.storage import identity
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.sweep import make_plan, read_known


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do it; else it is only said what would be removed")


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    database, blobs = Database(settings.database), Blobs(settings.blob_url)
    plan = make_plan(read_known(database, settings.retention), blobs, round(settings.gram_disk_mb * MIB))
    size = sum(blob.size for blob in plan.orphans) / MIB
    print(f"{len(plan.orphans)} files ({size:.1f} MiB) have no row in the database: the next sweep removes them")
    if not args.yes:
        print("Nothing was changed. Where that is right: python -m service accept-blobs --yes")
        return 1
    identity.accept(database, blobs)
    print("Accepted: from now on the two belong together.")
    return 0
