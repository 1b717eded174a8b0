"""How many Grams an attempt at a job had at most, so that deaths don't count while it gets more."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("grams", sa.Integer(), server_default="0", nullable=False))
