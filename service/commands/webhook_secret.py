"""python -m service webhook-secret: the secret by which receivers verify webhooks, or each of several, on a line."""

from __future__ import annotations

import argparse

from service.config import Settings
from service.storage.database import Database
from service.webhooks.secret import signing_secrets


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    print(*signing_secrets(settings, Database(settings.database)), sep="\n")
    return 0
