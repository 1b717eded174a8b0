"""Who can reach a service that asks for no key: this machine alone, unless the operator says otherwise."""

from __future__ import annotations

from contextlib import closing

from service.config import Settings
from service.errors import InvalidInput
from service.storage.database import Database
from service.tenants.keys import asks_for_key

ADVICE = "make a key with python -m service keys add, or let anybody in with NST_OPEN=on"


def check_access(settings: Settings) -> None:
    """Refuse to begin where other machines could use the service without a key.

    Raises:
        InvalidInput: it listens on another address than loopback, and has no keys.
        DatabaseError: the database can't be opened.
    """
    if settings.api_keys or settings.may_ask_for_no_key or has_keys(settings.database):
        return
    why = f"other machines reach {settings.host}, and the service has no keys that it could ask for"
    raise InvalidInput.field("NST_HOST", f"{why}: {ADVICE}")


def has_keys(url: str) -> bool:
    """Return whether a database has, or has had, keys. Raises DatabaseError."""
    with closing(Database(url)) as database, database.reading() as session:
        return asks_for_key(session)
