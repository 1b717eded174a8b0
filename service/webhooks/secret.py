"""The secrets that webhooks are signed with: the service's, and those of tenants, which are made from them.

The service has one secret, or several while one replaces another. A tenant's own receivers get a secret that is made
from it: by that they can verify the tenant's webhooks, and can't forge those of others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
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


def tenants_secret(secret: str, tenant: str, made_at: float) -> str:
    """Return the secret of a tenant that was made at this time, from one of the service's: their HMAC-SHA256.

    It doesn't tell the service's secret, or another tenant's. A tenant that is made again under a name has another.
    """
    return _written(hmac.digest(_bytes(secret), f"{tenant} {made_at:.3f}".encode(), hashlib.sha256))


def check_secret(secret: str) -> None:
    """Raise InvalidInput if the secret is malformed; the message doesn't quote it."""
    try:
        size = len(_bytes(secret))
    except (binascii.Error, ValueError):
        size = 0
    if not secret.startswith(PREFIX) or size not in SIZES:
        raise InvalidInput.field(SETTING, f"must be {PREFIX} and the base64 of {SIZES[0]} to {SIZES[-1]} bytes")


def _bytes(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


def _written(secret: bytes) -> str:
    return PREFIX + base64.b64encode(secret).decode()


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
            row = SecretRow(name=NAME, value=_written(secrets.token_bytes(OWN_SIZE)))
            session.add(row)
        return row.value
