"""python -m service webhook-secret: the secret by which receivers verify webhooks, or each of several, on a line."""

from __future__ import annotations

import argparse
from contextlib import closing

from service.config import Settings
from service.errors import InvalidInput
from service.storage.database import Database
from service.storage.disks import check_database
from service.storage.schema import DEFAULT_TENANT
from service.tenants.tenants import Tenants
from service.webhooks.secret import signing_secrets, tenants_secret


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", help="print the secret for this tenant's receivers, good for its webhooks alone")


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    if args.tenant == DEFAULT_TENANT:
        raise InvalidInput.field("--tenant", "the service's own secret is that of the tenant default: leave it out")
    if args.tenant:
        check_database(settings.database)
    with closing(Database(settings.database)) as database:
        secrets = signing_secrets(settings, database)
        if args.tenant:
            made_at = Tenants(database).get(args.tenant).created_at
            secrets = [tenants_secret(secret, args.tenant, made_at) for secret in secrets]
    print(*secrets, sep="\n")
    return 0
