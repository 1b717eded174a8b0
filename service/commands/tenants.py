"""python -m service tenants: the tenants in the database, also while the service runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from service.config import Settings
from service.errors import InvalidInput
from service.jobs.resource import iso
from service.settings.limits import LIMITS
from service.storage import identity
from service.storage.database import Database
from service.storage.disks import check_database
from service.storage.names import NAME_WORDS, is_name
from service.storage.tenant_limits import TenantLimits, limits_from
from service.tenants.removal import remove_tenant
from service.tenants.scopes import ORDINARY, in_order
from service.tenants.tenants import Tenants

PAGE = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="make a tenant")
    add.add_argument("name", help="1 to 63 of a-z, 0-9 and -")
    change = actions.add_parser("set", help="change limits of a tenant; they count within five seconds")
    change.add_argument("name")
    for action in (add, change):
        action.add_argument("--limit", action="append", default=[], metavar="NAME=VALUE", help=_limits_help())
    actions.add_parser("list", help="list tenants, with those limits that are their own")
    remove = actions.add_parser("remove", help="remove a tenant with all that is its own, and say what that was")
    remove.add_argument("name")


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    if args.action != "list" and not is_name(args.name):
        raise InvalidInput.field("name", NAME_WORDS)
    if args.action == "set" and not args.limit:
        raise InvalidInput.field("--limit", "name at least one limit to change, as in --limit waiting_jobs=50")
    if args.action != "add":
        check_database(settings.database)
    with closing(Database(settings.database)) as database:
        tenants = Tenants(database)
        if args.action == "add":
            tenants.add(args.name, TenantLimits(**_given_limits(args.limit)))
            first = f"python -m service keys add --tenant {args.name} --scopes {','.join(in_order(ORDINARY))}"
            print(f"made; its first key: {first}", file=sys.stderr)
        elif args.action == "set":
            tenants.set_limits(args.name, _given_limits(args.limit))
        elif args.action == "list":
            _print_list(tenants)
        else:
            removed = remove_tenant(database, identity.open_blobs(database, settings.blob_url), args.name)
            for kind, count in removed.counts.items():
                print(f"{kind}\t{count}")
    return 0


def _limits_help() -> str:
    words = "; ".join(f"{name}: {limit.doc}" for name, limit in LIMITS.items())
    return f"a limit of its own, or NAME= for the default; {words}"


def _given_limits(texts: Sequence[str]) -> dict[str, Any]:
    """Read limits as in waiting_jobs=50; an empty value is None. Raises InvalidInput."""
    found: dict[str, Any] = {}
    for text in texts:
        name, is_given, value = text.partition("=")
        if name not in LIMITS or not is_given:
            raise InvalidInput.field("--limit", f"must be NAME=VALUE, with one of {', '.join(LIMITS)}")
        try:
            found[name] = LIMITS[name].read(value) if value else None
        except ValueError as error:
            raise InvalidInput.field(f"--limit {name}", f"{error}") from error
    return found


def _print_list(tenants: Tenants) -> None:
    after = ""
    while rows := tenants.page(after, PAGE):
        for row in rows:
            limits = (f"{name}={value}" for name, value in limits_from(row.limits).own().items())
            print("\t".join((row.name, f"made {iso(row.created_at)}", *limits)))
        after = rows[-1].name
