"""What jobs are expected to cost, and what they have cost: each of them, and those of a tenant by day."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("cost", sa.Double(), nullable=False, server_default="0"))
        jobs.add_column(sa.Column("usage", sa.JSON()))
    op.create_table(
        "usage",
        sa.Column("tenant", sa.String(), primary_key=True),
        sa.Column("day", sa.String(), primary_key=True),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("megapixel_evaluations", sa.Double(), nullable=False),
        sa.Column("compute_s", sa.Double(), nullable=False),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
    )
