"""python -m service webhook-secret: the secret by which receivers verify webhooks, or each of several, on a line."""

from __future__ import annotations

import argparse
from contextlib import closing

from service.config import Settings
from service.storage.database import Database
from service.storage.disks import check_database
from service.storage.schema import DEFAULT_TENANT
from service.tenants.tenants import Tenants
from service.webhooks.secret import signing_secrets, tenants_secret


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", default=DEFAULT_TENANT, help="one for this tenant's own receivers")


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    if args.tenant != DEFAULT_TENANT:
        check_database(settings.database)
    with closing(Database(settings.database)) as database:
        secrets = signing_secrets(settings, database)
        if args.tenant != DEFAULT_TENANT:
            made_at = Tenants(database).get(args.tenant).created_at
            secrets = [tenants_secret(secret, args.tenant, made_at) for secret in secrets]
    print(*secrets, sep="\n")
    return 0
