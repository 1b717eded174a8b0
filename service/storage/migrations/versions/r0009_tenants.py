"""Tenants and their keys; what belongs to which tenant. The presets of the first start are shared."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

DEFAULT = "default"


def upgrade() -> None:
    tenants = op.create_table(
        "tenants",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("removed_at", sa.Double()),
        sa.Column("limits", sa.JSON()),
    )
    op.bulk_insert(tenants, [{"name": DEFAULT, "created_at": 0.0}])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False, unique=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("last_used_at", sa.Double()),
        sa.Column("expires_at", sa.Double()),
        sa.Column("revoked_at", sa.Double()),
    )
    op.create_index("api_keys_by_tenant", "api_keys", ["tenant", "created_at"])
    for table in ("jobs", "deliveries"):
        with op.batch_alter_table(table) as changed:
            changed.add_column(_tenant())
    op.create_index("jobs_by_tenant", "jobs", ["tenant", "number"])
    op.create_index("deliveries_by_tenant", "deliveries", ["tenant"])
    _change_presets()


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.String(), nullable=False, server_default=DEFAULT)


def _change_presets() -> None:
    """Let each tenant have its own names, and share the starters, which have the time of their mark.

    SQLite can't change a primary key, so there is a new table.
    """
    op.rename_table("presets", "presets_before")
    op.drop_index("presets_by_owner", "presets_before")
    kept: list[sa.Column[Any]] = [
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("pack", sa.JSON()),
        sa.Column("warm", sa.JSON()),
        sa.Column("painter", sa.JSON()),
        sa.Column("learning", sa.String()),
        sa.Column("thumbnail", sa.String()),
        sa.Column("options", sa.JSON()),
        sa.Column("sample", sa.String()),
        sa.Column("owner", sa.String(), nullable=False, server_default=""),
        sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("created_at", sa.Double(), nullable=False),
    ]
    shared: sa.Column[bool] = sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.false())
    key = sa.PrimaryKeyConstraint("tenant", "name", name="presets_by_tenant")
    op.create_table("presets", _tenant(), *kept, shared, key)
    names = ", ".join(column.name for column in kept)
    op.execute(f"INSERT INTO presets ({names}) SELECT {names} FROM presets_before")  # noqa: S608 - our own names
    op.drop_table("presets_before")
    op.create_index("presets_by_owner", "presets", ["owner", "bytes"])
    op.execute(
        "UPDATE presets SET shared = true WHERE owner = '' "
        "AND created_at = (SELECT made_at FROM marks WHERE name = 'starters')"
    )
