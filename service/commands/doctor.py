"""python -m service doctor: a check of this installation, with advice."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from service.config import Settings
from service.doctor.computing import check_decoding, check_engine, check_model
from service.doctor.places import check_blobs, check_broker, check_database, check_disk, check_places, check_port
from service.doctor.report import FAILURE, Check, Finding, examine, exit_status, json_of, line_of
from service.doctor.setup import check_descriptors, check_memory, check_variables, check_versions
from service.doctor.store import check_models, check_store
from service.errors import InvalidInput

CHECKS: dict[str, Check] = {
    "versions": check_versions,
    "settings": check_variables,
    "model": check_model,
    "memory": check_memory,
    "files": check_descriptors,
    "disk": check_disk,
    "places": check_places,
    "blobs": check_blobs,
    "database": check_database,
    "store": check_store,
    "workers": check_models,
    "broker": check_broker,
    "port": check_port,
    "decoding": check_decoding,
    "engine": check_engine,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def run(args: argparse.Namespace) -> int:
    found = []
    for finding in _findings():
        found.append(finding)
        if not args.json:
            print(line_of(finding), flush=True)
    if args.json:
        print(json_of(found))
    return exit_status(found)


def _findings() -> Iterator[Finding]:
    try:
        settings = Settings.from_environment()
    except InvalidInput as error:
        for wrong in error.errors:
            yield Finding(FAILURE, "settings", f"{wrong.loc}: {wrong.msg}", "nothing else was looked at")
        return
    for name, check in CHECKS.items():
        yield from examine(name, check, settings)
