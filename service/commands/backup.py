"""python -m service backup FILE: database and blobs in one file, while the service runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from service.backup.data_paths import DataPaths
from service.backup.take import take_backup
from service.config import Settings
from service.machine.memory import MIB

SHOWN = 5  # missing blobs that are named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="a new file")


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    taken = take_backup(DataPaths.of(settings), settings.retention, args.file)
    if taken.missing:
        named = ", ".join(taken.missing[:SHOWN])
        print(
            f"{len(taken.missing)} files that rows name are missing in the service itself: {named}", file=sys.stderr
        )
    print(f"{args.file}: {len(taken.manifest.files)} files, {taken.manifest.size / MIB:.1f} MiB")
    return 0
