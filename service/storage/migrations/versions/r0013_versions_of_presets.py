"""Former states of presets, so that what was replaced or deleted can be had back."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "preset_versions",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("pack", sa.JSON()),
        sa.Column("painter", sa.JSON()),
        sa.Column("thumbnail", sa.String()),
        sa.Column("options", sa.JSON()),
        sa.Column("owner", sa.String(), server_default="", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_index("preset_versions_by_name", "preset_versions", ["tenant", "name", "ended_at"])
    op.create_index("preset_versions_by_owner", "preset_versions", ["owner", "bytes"])
