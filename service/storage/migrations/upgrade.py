"""The upgrade of a database's tables to this version, whichever version made them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from service.errors import DatabaseError

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS = tuple(f"{number:04}" for number in range(1, 29))
"""All there are, in their order. Kept here too, so that a database that is up to date is opened without Alembic."""

HEAD = REVISIONS[-1]

UNVERSIONED = {
    "presets": {"name", "version", "description", "images", "created_at"},
    "jobs": {"number", "id", "status", "request", "created_at", "started_at", "finished_at", "progress", "result"}
    | {"error", "timings", "engine", "style_cache", "cancel_requested", "worker", "fence", "attempts", "lease_until"},
    "roll": {"id", "seen_at", "memory", "precision"},
}
"""Columns of the tables of revision 0001, by which a database older than Alembic is known."""


def is_current(connection: Connection) -> bool:
    """Return whether the tables are up to date, by a quick check."""
    return stored_revision(connection) == HEAD


def is_empty(connection: Connection) -> bool:
    """Return whether the database has none of our tables yet."""
    return not any(inspect(connection).has_table(table) for table in ("alembic_version", *UNVERSIONED))


def upgrade(connection: Connection) -> None:
    """Make the tables, or bring them to HEAD, within the connection's transaction.

    Raises:
        DatabaseError: they were made by a version of the service that this one doesn't know; nothing was changed.
    """
    revision = stored_revision(connection)
    if revision is not None and revision not in REVISIONS:
        raise DatabaseError(
            f"it is of revision {revision}, but this version of the service only knows those up to {HEAD}: "
            "start the version that it was used with last, or a newer one"
        )
    if revision != HEAD:
        _run_alembic(connection, stamp_first=revision is None and _is_unversioned(connection))


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration, without an alembic.ini."""
    from alembic.config import Config  # noqa: PLC0415 - 0.3 s that a start without anything to do is spared

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
    return config


def _run_alembic(connection: Connection, *, stamp_first: bool) -> None:
    from alembic import command  # noqa: PLC0415 - as above

    config = alembic_config(connection)
    if stamp_first:
        command.stamp(config, REVISIONS[0])
    command.upgrade(config, HEAD)


def stored_revision(connection: Connection) -> str | None:
    """Return the tables' revision; None if there are no tables, or if they are older than all revisions."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _is_unversioned(connection: Connection) -> bool:
    """Return whether the tables of revision 0001 are there without a revision; others are refused."""
    inspector = inspect(connection)
    found = {
        table: {column["name"] for column in inspector.get_columns(table)}
        for table in UNVERSIONED
        if inspector.has_table(table)
    }
    if found and found != UNVERSIONED:
        differing = ", ".join(sorted(table for table in UNVERSIONED if found.get(table) != UNVERSIONED[table]))
        raise DatabaseError(
            f"it holds tables of an unknown version of the service, which differ in: {differing}. "
            "Nothing was changed; start with an empty NST_DATA, or an empty database in NST_DATABASE_URL"
        )
    return bool(found)
