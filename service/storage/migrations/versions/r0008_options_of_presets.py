"""The options that a preset's transfers begin with; the transfer whose picture shows what a preset does."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    with op.batch_alter_table("presets") as presets:
        presets.add_column(sa.Column("options", sa.JSON()))
        presets.add_column(sa.Column("sample", sa.String()))
