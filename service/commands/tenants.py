"""python -m service tenants: the tenants in the database, also while the service runs."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from datetime import UTC, datetime

from service.config import Settings
from service.errors import InvalidInput
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.tenants.removal import remove_tenant
from service.tenants.tenants import Tenants, is_name

PAGE = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("add", help="make a tenant").add_argument("name", help="1 to 63 of a-z, 0-9 and -")
    actions.add_parser("list", help="list tenants")
    remove = actions.add_parser("remove", help="remove a tenant with all that is its own, and say what that was")
    remove.add_argument("name")


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    if args.action != "list" and not is_name(args.name):
        raise InvalidInput.field("name", "must be 1 to 63 of a-z, 0-9 and -, and not begin with -")
    with closing(Database(settings.database)) as database:
        if args.action == "add":
            Tenants(database).add(args.name)
            print(f"made; its first key: python -m service keys add --tenant {args.name}", file=sys.stderr)
        elif args.action == "list":
            _print_list(Tenants(database))
        else:
            removed = remove_tenant(database, Blobs(settings.blob_url), args.name)
            for kind, count in removed.counts.items():
                print(f"{kind}\t{count}")
    return 0


def _print_list(tenants: Tenants) -> None:
    after = ""
    while rows := tenants.page(after, PAGE):
        for row in rows:
            print(f"{row.name}\tmade {datetime.fromtimestamp(row.created_at, UTC).isoformat(timespec='minutes')}")
        after = rows[-1].name
