"""python -m scripts.revision "what changes": write a migration from the last revision to the tables of schema.py."""

from __future__ import annotations

import sys

from alembic import command
from sqlalchemy import create_engine

from service.storage.migrations.upgrade import HEAD, alembic_config, upgrade


def main(message: str) -> None:
    with create_engine("sqlite://").begin() as connection:
        upgrade(connection)
        command.revision(alembic_config(connection), message, autogenerate=True, rev_id=f"{int(HEAD) + 1:04d}")


if __name__ == "__main__":
    main(sys.argv[1])
