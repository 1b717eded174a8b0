"""python -m service keys: the API keys in the database, also while the service runs."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterable
from contextlib import closing

from service.config import Settings
from service.errors import InvalidInput, ServiceError, StorageError, Unavailable, shown
from service.jobs.resource import iso
from service.settings.values import duration
from service.storage.database import Database
from service.storage.disks import check_database
from service.storage.names import is_name
from service.storage.schema import DEFAULT_TENANT
from service.storage.tenant_schema import KeyRow
from service.tenants import scopes as known
from service.tenants.keys import KEY_NAME, KEY_NAME_WORDS, LONGEST_S, YEARS, Keys, NewKey, end_of
from service.tenants.tenants import Tenants

PAGE = 200
NEVER = "never"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="make a key; it is printed, this once")
    add.add_argument("--tenant", default=DEFAULT_TENANT, help="whose key it is (default: %(default)s)")
    add.add_argument("--name", default="key", help="what people know it by (default: %(default)s)")
    scopes = ",".join(known.SCOPES)
    add.add_argument("--scopes", default=scopes, help="what it may do, with commas (default: %(default)s)")
    add.add_argument(
        "--lifetime", metavar="TIME", help="when it ends, as in 90m, 12h, 30d, or seconds (default: never)"
    )
    listing = actions.add_parser("list", help="list keys, without the keys themselves")
    listing.add_argument("--tenant", help="only those of one tenant")
    rotate = actions.add_parser("rotate", help="make a key like another one, which ends seconds later")
    rotate.add_argument("id", help="of the key, as list shows it")
    rotate.add_argument("--grace", metavar="TIME", help="for how long both count, as in 1h (default and least: 4 s)")
    revoke = actions.add_parser("revoke", help="end a key: within 5 seconds nothing accepts it")
    revoke.add_argument("id", help="of the key, as list shows it")
    remove = actions.add_parser("remove-all", help="remove all keys: after that none is asked for")
    remove.add_argument("--yes", action="store_true", help="do it")


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    if args.action != "add":
        check_database(settings.database)
    with closing(Database(settings.database)) as database:
        keys = Keys(database)
        if args.action == "add":
            key = _added(keys, args)
            _print_new(keys, key)
            _describe(key.row)
        elif args.action == "list":
            if args.tenant is not None:
                _check_name(args.tenant)
                Tenants(database).get(args.tenant)
            _print_list(_all(keys, args.tenant))
        elif args.action == "rotate":
            _rotate(keys, args.id, _seconds("grace", args.grace, may_be_0=True) or 0.0)
        elif args.action == "revoke":
            _say(f"the key {keys.revoke(args.id).id} has ended")
        else:
            _remove_all(keys, yes=args.yes)
    return 0


def _added(keys: Keys, args: argparse.Namespace) -> NewKey:
    if not re.fullmatch(KEY_NAME, args.name):
        raise InvalidInput.field("name", KEY_NAME_WORDS)
    _check_name(args.tenant)
    try:
        scopes = known.check(word.strip() for word in args.scopes.split(","))
    except ValueError as error:
        raise InvalidInput.field("scopes", str(error)) from error
    return keys.add(args.tenant, args.name, scopes, _seconds("lifetime", args.lifetime))


def _check_name(tenant: str) -> None:
    """Raise InvalidInput for what is no name of any tenant."""
    if not is_name(tenant):
        raise InvalidInput.field("tenant", f"there is no tenant {shown(tenant)}")


def _seconds(name: str, text: str | None, *, may_be_0: bool = False) -> float | None:
    if text is None:
        return None
    try:
        seconds = duration(text)
    except ValueError as error:
        raise InvalidInput.field(name, str(error)) from error
    if not 0 <= seconds <= LONGEST_S or (seconds == 0 and not may_be_0):  # nor NaN
        least = "at least 0" if may_be_0 else "more than 0"
        raise InvalidInput.field(name, f"must be {least}, and at most {YEARS} years")
    return seconds


def _rotate(keys: Keys, id: str, grace_s: float) -> None:
    """Make and print a key like another one, which ends only then."""
    key = keys.add_like(id)
    _print_new(keys, key)
    try:
        keys.retire(id, grace_s)
    except ServiceError as error:
        raise StorageError(f"the new key counts, but the other one goes on: revoke it ({error.detail})") from error
    _describe(key.row)


def _print_new(keys: Keys, key: NewKey) -> None:
    """Print the key alone on standard output, so that a script can keep it.

    Raises StorageError, and ends the key, if it can't be printed: nobody would ever know it.
    """
    try:
        print(key.text, flush=True)
    except OSError as error:
        keys.revoke(key.row.id)
        raise StorageError(
            f"the new key could not be printed ({error.strerror}), and has ended: make another"
        ) from error


def _describe(row: KeyRow) -> None:
    facts = f"{row.name}, scopes {row.scopes}, ends {iso(end_of(row)) or NEVER}"
    _say(f"key {row.id} of the tenant {row.tenant}: {facts}; it isn't shown again")


def _all(keys: Keys, tenant: str | None) -> Iterable[KeyRow]:
    after = (0.0, "")
    while rows := keys.page(tenant, after, PAGE):
        yield from rows
        after = rows[-1].created_at, rows[-1].id


def _print_list(rows: Iterable[KeyRow]) -> None:
    for row in rows:
        end = end_of(row)
        ends = f"{'ends' if end is None or end > time.time() else 'ended'} {iso(end) or NEVER}"
        facts = (row.id, row.tenant, row.name, row.scopes.replace(" ", ","), f"made {iso(row.created_at)}")
        print("\t".join((*facts, f"used {iso(row.last_used_at) or NEVER}", ends)))


def _remove_all(keys: Keys, *, yes: bool) -> None:
    if not yes:
        raise Unavailable("without keys /v1 asks for none, and whoever reaches the service may use it: --yes does it")
    _say(f"{keys.remove_all()} keys were removed; keys of NST_API_KEYS count as before")


def _say(words: str) -> None:
    print(words, file=sys.stderr)
