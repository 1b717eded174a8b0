"""python -m service restore FILE: put a backup into an empty place."""

from __future__ import annotations

import argparse
from pathlib import Path

from service.backup.data_paths import DataPaths
from service.backup.restore import restore_backup
from service.config import Settings
from service.machine.memory import MIB


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="a file that `backup` wrote")


def run(args: argparse.Namespace) -> int:
    places = DataPaths.of(Settings.from_environment())
    manifest = restore_backup(places, args.file)
    print(f"{places.database}: restored with {len(manifest.files)} files, {manifest.size / MIB:.1f} MiB")
    return 0
