"""Tasks beside transfers; presets that came as packs, and whose Grams are computed beforehand."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="transfer"))
    with op.batch_alter_table("presets") as presets:
        presets.add_column(sa.Column("pack", sa.JSON()))
        presets.add_column(sa.Column("warm", sa.JSON()))
