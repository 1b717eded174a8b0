"""The painters of presets, and their learning."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("presets") as presets:
        presets.add_column(sa.Column("painter", sa.JSON()))
        presets.add_column(sa.Column("learning", sa.String()))
