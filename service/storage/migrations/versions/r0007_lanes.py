"""The lanes of jobs and workers: painter workers claim transfers that painters paint alone."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for table in ("jobs", "roll"):
        with op.batch_alter_table(table) as changed:
            changed.add_column(sa.Column("lane", sa.String(), nullable=False, server_default="engine"))
