"""The secrets that webhooks are signed with: one, or several while one replaces another."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Sequence

from service.config import Settings
from service.errors import InvalidInput
from service.storage.database import Database, advisory_lock
from service.storage.schema import SecretRow

SETTING = "NST_WEBHOOK_SECRET"
NAME = "webhooks"
PREFIX = "whsec_"
SIZES = range(24, 65)  # bytes that Standard Webhooks allow
OWN_SIZE = 32  # bytes of a secret that the service makes


def signing_secrets(settings: Settings, database: Database) -> Sequence[str]:
    """Return the secrets of the settings; without any, the secret that the service made and keeps.

    Raises:
        InvalidInput: a secret of the settings is malformed.
        DatabaseError
    """
    for secret in settings.webhook_secret:
        check_secret(secret)
    return settings.webhook_secret or (_kept(database) or _made(database),)


def check_secret(secret: str) -> None:
    """Raise InvalidInput if the secret is malformed; the message doesn't quote it."""
    try:
        size = len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not secret.startswith(PREFIX) or size not in SIZES:
        raise InvalidInput.field(SETTING, f"must be {PREFIX} and the base64 of {SIZES[0]} to {SIZES[-1]} bytes")


def _kept(database: Database) -> str | None:
    with database.reading() as session:
        row = session.get(SecretRow, NAME)
        return row.value if row else None


def _made(database: Database) -> str:
    """Make a secret, or return the one that another process made first."""
    with database.writing() as session:
        advisory_lock(session, "webhook secret")
        row = session.get(SecretRow, NAME)
        if row is None:
            row = SecretRow(name=NAME, value=PREFIX + base64.b64encode(secrets.token_bytes(OWN_SIZE)).decode())
            session.add(row)
        return row.value
